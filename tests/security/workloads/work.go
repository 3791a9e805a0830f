package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// What is sent comes back through a copy between sockets, which the library leaves to the kernel.
func echo(network, address string) {
	server, err := net.Listen(network, address)
	check(err)
	go func() {
		connection, err := server.Accept()
		check(err)
		_, err = io.Copy(connection, connection)
		check(err)
		connection.Close()
	}()
	client, err := net.Dial(network, server.Addr().String())
	check(err)
	client.Write([]byte("hello"))
	switch half := client.(type) {
	case *net.TCPConn:
		half.CloseWrite()
	case *net.UnixConn:
		half.CloseWrite()
	}
	back, err := io.ReadAll(client)
	check(err)
	if string(back) != "hello" {
		panic("echo: " + string(back))
	}
}

func main() {
	folder, err := os.MkdirTemp("", "work")
	check(err)
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "file")
	check(os.WriteFile(file, bytes.Repeat([]byte("x"), 10000), 0o600))
	from, err := os.Open(file)
	check(err)
	to, err := os.Create(file + "2")
	check(err)
	_, err = io.Copy(to, from)
	check(err)
	root, err := os.OpenRoot(folder)
	check(err)
	_, err = root.Stat("file2")
	check(err)
	echo("tcp", "127.0.0.1:0")
	echo("unix", filepath.Join(folder, "s"))
	var group sync.WaitGroup
	for range 50 {
		group.Add(1)
		go func() { defer group.Done(); rand.Read(make([]byte, 16)) }()
	}
	group.Wait()
	out, err := exec.Command("/bin/sh", "-c", "echo out | cat").Output()
	check(err)
	if string(out) != "out\n" {
		panic("child")
	}
	_, err = net.LookupHost("localhost")
	check(err)
	if slices.Contains(os.Args, "--interfaces") {
		_, err = net.Interfaces()
		check(err)
	}
	fmt.Println("fine")
}
