// SPDX-License-Identifier: Apache-2.0

// The shop's server, one static program for every test service. It answers
//
//	GET  /            one line: service, pod, and the caller's address as this process sees it
//	GET  /bytes/N     N bytes, the same ones every time: byte i is i % 251
//	POST /count       how many bytes came, and their SHA-256
//	GET  /header      the request's own header, to see what a path between changed
//	GET  /wait/MS     answers after MS milliseconds
//	GET  /close       answers and closes the connection
//
// over HTTP/1.1 with keep-alive, and repeats what comes over TCP and UDP on the echo port.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	address, echo := setting("LISTEN", ":8080"), setting("ECHO", ":9000")
	go echoTCP(echo)
	go echoUDP(echo)
	log.Fatal(http.ListenAndServe(address, routes()))
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func routes() http.Handler {
	host, _ := os.Hostname()
	service := setting("SERVICE", "shop")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s: pod %s, caller %s\n", service, host, r.RemoteAddr)
	})
	mux.HandleFunc("GET /bytes/{n}", sendBytes)
	mux.HandleFunc("POST /count", countBytes)
	mux.HandleFunc("GET /header", func(w http.ResponseWriter, r *http.Request) { r.Header.Write(w) })
	mux.HandleFunc("GET /wait/{ms}", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
		fmt.Fprintln(w, "waited")
	})
	mux.HandleFunc("GET /close", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprintln(w, "closing")
	})
	return mux
}

func number(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

// A multiple of the pattern's period, so that one block repeated is the whole answer.
var pattern = func() []byte {
	block := make([]byte, 251*1024)
	for i := range block {
		block[i] = byte(i % 251)
	}
	return block
}()

func sendBytes(w http.ResponseWriter, r *http.Request) {
	left := number(r, "n")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	for left > 0 {
		n, err := w.Write(pattern[:min(left, int64(len(pattern)))])
		if err != nil {
			return
		}
		left -= int64(n)
	}
}

func countBytes(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %x\n", n, hash.Sum(nil))
}

func echoTCP(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

func echoUDP(address string) {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		log.Fatal(err)
	}
	buffer := make([]byte, 65535)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		socket.WriteTo(buffer[:n], from)
	}
}
