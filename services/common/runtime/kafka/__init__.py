"""What a service needs of Kafka: a worker that loses no record, a publisher, the topics. The rest knows no broker."""
