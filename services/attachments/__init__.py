"""Files of messages become objects in the store, streamed."""
