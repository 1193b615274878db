module kafka_rs/bindings/go

go 1.24
