"""The embedded server, the migrations, and tables that are made anew."""
