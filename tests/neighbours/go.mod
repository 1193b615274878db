module neighbours

go 1.25.0

require (
	github.com/confluentinc/confluent-kafka-go/v2 v2.15.0
	kafka_rs/bindings/go v0.0.0
)

replace kafka_rs/bindings/go => ../../bindings/go
