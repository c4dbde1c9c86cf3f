package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// ramp opens real loopback connections to the program itself: over a third of the period up to max, a third at that
// plateau, a third down. Each client holds a connection of its own, with one long poll after the other on it.
type ramp struct{ settings }

func (r *ramp) run(address string) {
	url := fmt.Sprintf("http://%s/poll", address)
	var clients []chan struct{} // closed to let the client go
	begin := time.Now()
	for now := range time.Tick(100 * time.Millisecond) {
		want := int(float64(r.max) * min(1, 3*min(r.phase(begin, now), 1-r.phase(begin, now))))
		for len(clients) < want {
			bye := make(chan struct{})
			clients = append(clients, bye)
			go r.client(url, bye)
		}
		for len(clients) > want {
			close(clients[0])
			clients = clients[1:]
		}
	}
}

//go:noinline
func (r *ramp) client(url string, bye <-chan struct{}) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport, Timeout: 30 * time.Second}
	for {
		select {
		case <-bye:
			return
		default:
			r.ask(&c, url)
		}
	}
}

//go:noinline
func (r *ramp) ask(c *http.Client, url string) {
	response, err := c.Get(url)
	if err != nil {
		time.Sleep(time.Second)
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

// poll answers after 2 to 10 seconds, as if an event had come.
func (r *ramp) poll(w http.ResponseWriter, request *http.Request) {
	select {
	case <-time.After(2*time.Second + time.Duration(rand.Int64N(int64(8*time.Second)))):
		fmt.Fprintln(w, "event")
	case <-request.Context().Done():
	}
}
