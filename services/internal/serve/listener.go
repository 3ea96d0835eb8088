package serve

import (
	"net"
	"time"
)

// maxWrite is the most that is written within one deadline.
const maxWrite = 64 << 10

// patientListener accepts connections on which a write fails if the client takes
// nothing, or too little, for as long as patience. An answer as a whole may take any
// time: each write has a deadline of its own.
type patientListener struct {
	net.Listener
	patience time.Duration
}

func (l patientListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: accepted, patience: l.patience}, nil
}

type patientConn struct {
	net.Conn
	patience time.Duration
}

// Write gives a client time for each maxWrite bytes, so that one that is slow gets
// all of a long answer.
func (c *patientConn) Write(b []byte) (n int, err error) {
	for err == nil && n < len(b) {
		var written int
		if err = c.SetWriteDeadline(time.Now().Add(c.patience)); err == nil {
			written, err = c.Conn.Write(b[n:min(len(b), n+maxWrite)])
		}
		n += written
	}
	return n, err
}

// CloseWrite lets net/http end an answer in order before it closes the connection.
func (c *patientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
