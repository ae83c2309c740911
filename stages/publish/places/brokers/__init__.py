"""Brokers: MQTT, Kafka, Redis, NATS."""
