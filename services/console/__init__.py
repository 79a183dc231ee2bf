"""The web console: configure an account, test it, synchronise it, watch it. Needs Postgres and the master key only."""
