"""What services share; it imports none of them. The vocabulary and the doors here, a folder for each subject."""
