// Package soak is what the programs of the long tests share.
package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"
)

// Check ends the program if there is an error.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Tell prints a line of JSON, in one write: whole beside those of others.
func Tell(said map[string]any) {
	line, err := json.Marshal(said)
	Check(err)
	fmt.Println(string(line))
}

// CloseWithin closes a client, and returns how long that took. The error tells what was left, which some expect.
func CloseWithin(limit time.Duration, call func(context.Context) error) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	start := time.Now()
	_ = call(ctx)
	return time.Since(start)
}
