package kafka

import "testing"

func dbgDump(t *testing.T, c *Consumer) {
	c.mu.Lock()
	s, err := c.core.assignment()
	t.Log(s, err)
	if c.reader != nil {
		t.Log(len(c.reader.flights), len(c.reader.unanswered), c.reader.sent, c.reader.offering, c.reader.pending, len(c.reader.free), c.reader.settlers, c.inCallback)
		for _, f := range c.reader.free {
			t.Log(f.next, f.rows.count, f.spent)
		}
	}
	r := newRows()
	t.Log(r.recv(c.events, 0, 100), r.count)
	c.mu.Unlock()
}
