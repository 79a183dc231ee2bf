"""What calls handlers: batches, the embedded runtime, a process for each service, and Kafka in a room of its own."""
