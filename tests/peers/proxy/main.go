// A forward proxy as companies have one: it tunnels CONNECT, forwards plain http, may ask for a password, and writes
// one line for each request that it took. Names are resolved here; -map says where a name leads that no DNS knows.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type proxy struct {
	places map[string]string
	login  string
	direct *http.Transport
}

func main() {
	listen := flag.String("listen", "127.0.0.1:3128", "address to listen on")
	login := flag.String("login", "", "user:password that clients have to send")
	places := map[string]string{}
	flag.Func("map", "name:port=address:port, may be repeated", func(text string) error {
		name, place, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q has no =", text)
		}
		places[name] = place
		return nil
	})
	flag.Parse()
	log.SetFlags(0)
	log.SetOutput(os.Stdout)

	p := &proxy{places: places, login: *login}
	p.direct = &http.Transport{
		DialContext:        func(_ context.Context, _, address string) (net.Conn, error) { return p.dial(address) },
		DisableCompression: true,
	}
	server := &http.Server{Addr: *listen, Handler: p, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func (p *proxy) dial(address string) (net.Conn, error) {
	if place, known := p.places[address]; known {
		address = place
	}
	return net.DialTimeout("tcp", address, 10*time.Second)
}

func (p *proxy) allows(r *http.Request) bool {
	if p.login == "" {
		return true
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.login))
	return subtle.ConstantTimeCompare([]byte(want), []byte(r.Header.Get("Proxy-Authorization"))) == 1
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ready" && r.URL.Host == "":
		w.WriteHeader(http.StatusOK)
	case !p.allows(r):
		log.Printf("REFUSED %s %s", r.Method, r.Host)
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		p.tunnel(w, r)
	case r.URL.Host != "":
		p.forward(w, r)
	default:
		http.Error(w, "this is a proxy", http.StatusBadRequest)
	}
}

func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	log.Printf("CONNECT %s", r.Host)
	server, err := p.dial(r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	pipe := func(to net.Conn, from io.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pipe(server, buffered)
	go pipe(client, server)
	<-done
}

func (p *proxy) forward(w http.ResponseWriter, r *http.Request) {
	log.Printf("%s %s", r.Method, r.URL)
	r.RequestURI = ""
	r.Header.Del("Proxy-Authorization")
	r.Header.Del("Proxy-Connection")
	answer, err := p.direct.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}
