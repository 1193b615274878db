package kafka

import (
	"fmt"
	"os"
	"testing"
)

func TestHeadroomIsThereWhileMessagesFlowAndTakesNoMemory(t *testing.T) {
	var h headroom
	before := heapBytes()
	h.allocated.Store(headroomAfter)
	h.look()
	if h.room != nil {
		t.Error("there for a few messages")
	}
	resident := residentBytes(t)
	h.allocated.Store(headroomAfter + 1)
	h.look()
	if grown := heapBytes() - before; grown < headroomBytes/2 || grown > 2*headroomBytes {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if grown := residentBytes(t) - resident; grown > headroomBytes/4 {
		t.Errorf("it takes %d bytes of memory", grown)
	}
	for i := 1; i < headroomQuiet; i++ {
		if !h.look() || h.room == nil {
			t.Fatal("gone at the first pause")
		}
	}
	if h.look() || h.room != nil || heapBytes()-before > headroomBytes/4 {
		t.Error("still there when none came")
	}
}

func residentBytes(t *testing.T) int64 {
	t.Helper()
	var all, resident int64
	text := must(os.ReadFile("/proc/self/statm"))(t)
	must(fmt.Sscan(string(text), &all, &resident))(t)
	return resident * int64(os.Getpagesize())
}
