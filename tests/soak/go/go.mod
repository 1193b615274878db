module soak

go 1.25.0

require github.com/confluentinc/confluent-kafka-go/v2 v2.15.0

replace github.com/confluentinc/confluent-kafka-go/v2 => ../../../bindings/go
