// Package work is what the Go programs of the benchmark share: their arguments, what they measure, and what they print.
package work

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Work is what a program is asked to do.
type Work struct {
	Servers, Topic   string
	Messages, Size   int
	Clients, Threads int
	Rate             float64 // Messages a second; 0 = as fast as it goes.
	Extras           bool    // With a key and headers.
	Consume, Produce map[string]string
	payload          []byte
	began            moment
	More             map[string]any
	delays           []float64
}

// Header is one that each message has, if it has any.
type Header struct {
	Key   string
	Value []byte
}

// Headers are those of every message.
var Headers = []Header{{"trace", []byte("00-4bf92f3577b34da6")}, {"kind", []byte("order")}}

type moment struct {
	wall         time.Time
	user, system time.Duration
	allocations  uint64
}

// base is what due times count from.
var base = time.Now()

// step leads from one message's place in the payload to the next.
const step = 4099

// Run does what the arguments say: <way> name=value... and settings: produce:<name>=value, consume:<name>=value.
func Run(ways map[string]func(w *Work)) {
	w := &Work{Size: 100, Clients: 1, Threads: 1, Consume: map[string]string{}, Produce: map[string]string{}, More: map[string]any{}}
	way := ways[os.Args[1]]
	if way == nil {
		Must(fmt.Errorf("there is no way %q", os.Args[1]))
	}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		w.set(name, value)
	}
	way(w)
}

func (w *Work) set(name, value string) {
	numbers := map[string]*int{"messages": &w.Messages, "size": &w.Size, "clients": &w.Clients, "threads": &w.Threads}
	texts := map[string]*string{"servers": &w.Servers, "topic": &w.Topic}
	var err error
	switch kind, setting, isSetting := strings.Cut(name, ":"); {
	case isSetting && kind == "produce":
		w.Produce[setting] = value
	case isSetting && kind == "consume":
		w.Consume[setting] = value
	case numbers[name] != nil:
		*numbers[name], err = strconv.Atoi(value)
	case texts[name] != nil:
		*texts[name] = value
	case name == "rate":
		w.Rate, err = strconv.ParseFloat(value, 64)
	case name == "extras":
		w.Extras = value == "1"
	case name == "payload":
		w.payload, err = os.ReadFile(value)
	}
	Must(err)
}

// Value is that of message i.
func (w *Work) Value(i int) []byte {
	at := i * step % (len(w.payload) - w.Size + 1)
	return w.payload[at : at+w.Size]
}

// Key is that of message i.
func (w *Work) Key(i int) []byte { return fmt.Appendf(nil, "key-%d", i%1000) }

// Group is a name that nobody had.
func Group() string { return fmt.Sprintf("bench-%d-%d", os.Getpid(), time.Now().UnixNano()) }

// Start begins what is measured; Print ends it.
func (w *Work) Start() { w.began = now() }

// Print writes the line that the driver reads.
func (w *Work) Print(messages, bytes int) {
	end := now()
	w.More["messages"] = messages
	w.More["bytes"] = bytes
	w.More["seconds"] = end.wall.Sub(w.began.wall).Seconds()
	w.More["user"] = (end.user - w.began.user).Seconds()
	w.More["system"] = (end.system - w.began.system).Seconds()
	w.More["allocations"] = float64(end.allocations-w.began.allocations) / float64(max(messages, 1))
	line, err := json.Marshal(w.More)
	Must(err)
	fmt.Println(string(line))
}

func now() moment {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var usage syscall.Rusage
	Must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return moment{time.Now(), time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano()), memory.Mallocs}
}

// WarmUp is how many messages go before the clock starts: memory has grown by then, and what is asked once was asked.
func (w *Work) WarmUp() int { return w.Messages / 4 }

// Drain measures how take gives messages, some at a time, until all are there.
func (w *Work) Drain(take func() (count, bytes int)) {
	first := 0
	for first <= w.WarmUp() {
		count, _ := take()
		first += count
	}
	w.Start()
	got, total := 0, 0
	for first+got < w.Messages {
		count, bytes := take()
		got += count
		total += bytes
	}
	w.Print(got, total)
}

// Idle measures a client that does nothing for two seconds: the Go heap that it costs.
func (w *Work) Idle(open func()) {
	before := heap()
	w.Start()
	open()
	time.Sleep(2 * time.Second)
	w.More["heap"] = heap() - before
	w.Print(0, 0)
}

func heap() int64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc)
}

// EachReads has as many consumers as are asked for, each in a group and on a goroutine of its own, until each has read its
// share. open makes one and returns what takes some messages, and says how many and how long they are.
func (w *Work) EachReads(open func() func() (count, bytes int)) {
	w.Start()
	share := w.Messages / w.Clients
	var bytes atomic.Int64
	var all sync.WaitGroup
	for range w.Clients {
		all.Add(1)
		go func() {
			defer all.Done()
			take := open()
			for got := 0; got < share; {
				count, size := take()
				got += count
				bytes.Add(int64(size))
			}
		}()
	}
	all.Wait()
	w.Print(share*w.Clients, int(bytes.Load()))
}

// Latency sends each message when it is due and measures until it came back. send sends one, and may not keep its value;
// receive gives the values of some.
func (w *Work) Latency(send func(value []byte, i int), receive func() [][]byte) {
	send(make([]byte, w.Size), 0) // Due time 0: it finds out whether all is set up.
	w.note(receive())
	w.Start()
	go w.sendAtRate(send)
	for len(w.delays) < w.Messages {
		w.note(receive())
	}
	slices.Sort(w.delays)
	n := len(w.delays)
	w.More["latency"] = []float64{w.delays[n/2], w.delays[n*99/100], w.delays[n*999/1000]}
	w.Print(n, n*w.Size)
}

func (w *Work) note(values [][]byte) {
	for _, value := range values {
		if due := binary.LittleEndian.Uint64(value); due != 0 {
			w.delays = append(w.delays, float64(time.Since(base).Nanoseconds()-int64(due))/1e6)
		}
	}
}

func (w *Work) sendAtRate(send func(value []byte, i int)) {
	start := time.Since(base)
	value := make([]byte, w.Size)
	for i := range w.Messages {
		due := time.Since(base)
		if w.Rate > 0 {
			due = start + time.Duration(float64(i)*1e9/w.Rate)
			if wait := due - time.Since(base); wait > 0 {
				time.Sleep(wait)
			}
		}
		copy(value, w.Value(i))
		binary.LittleEndian.PutUint64(value, uint64(due))
		send(value, i)
	}
}

// Must ends the program on an error.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
