// SPDX-License-Identifier: Apache-2.0

// Prints the addresses of each name, a line each, as Go's resolver says; GODEBUG=netdns chooses which of its two.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		addresses, err := net.LookupHost(name)
		if err != nil {
			addresses = []string{"none"}
		}
		fmt.Println(name, addresses)
	}
}
