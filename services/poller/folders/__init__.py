"""Which folders there are, whether each is the one that we know, and what is said of them."""
