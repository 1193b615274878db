//go:build cgo

package kafka

import (
	"fmt"
	"os"
)

// ErrorCode tells errors apart. The constants Err… have librdkafka's and Kafka's numbers.
type ErrorCode int

// String is the text of the code.
func (c ErrorCode) String() string {
	if text, ok := newerCodes[c]; ok {
		return text
	}
	if codeName(int(c)) == "" {
		return fmt.Sprintf("Err-%d?", int(c))
	}
	return codeText(int(c))
}

// Error is what methods of this package return as their error, and what a client reports as an event. It is a value that
// can be compared with ==.
type Error struct {
	code             ErrorCode
	str              string
	fatal            bool
	retriable        bool
	txnRequiresAbort bool
}

// KafkaError is the name that Error had in the first version of the original client.
type KafkaError = Error

// NewError makes an error. Without str its text is that of the code.
func NewError(code ErrorCode, str string, fatal bool) (err Error) {
	return Error{code: code, str: str, fatal: fatal}
}

// Error is the text of the error.
func (e Error) Error() string { return e.String() }

// String is the text of the error.
func (e Error) String() string {
	text := e.str
	if text == "" {
		text = e.code.String()
	}
	if e.fatal {
		return "Fatal error: " + text
	}
	return text
}

// Code tells errors apart.
func (e Error) Code() ErrorCode { return e.code }

// IsFatal says that the client can't go on and should be closed.
func (e Error) IsFatal() bool { return e.fatal }

// IsRetriable says that the same call may succeed later.
func (e Error) IsRetriable() bool { return e.retriable }

// IsTimeout says that time ran out, in the library or for a message.
func (e Error) IsTimeout() bool {
	return e.code == ErrTimedOut || e.code == ErrTimedOutQueue || e.code == ErrMsgTimedOut
}

// TxnRequiresAbort says that the current transaction must be aborted.
func (e Error) TxnRequiresAbort() bool { return e.txnRequiresAbort }

// newErrorFromCode has no text of its own.
func newErrorFromCode(code int) Error {
	public, text := publicCode(code)
	return Error{code: public, str: text}
}

func newCoreError(code int, flags uint32, text string) Error {
	public, own := publicCode(code)
	if text == "" || code == codeClosed || code == codeHandle {
		text = own
	}
	return Error{
		code:             public,
		str:              text,
		fatal:            flags&errorFatal != 0,
		retriable:        flags&errorRetriable != 0,
		txnRequiresAbort: flags&errorTxnAbort != 0,
	}
}

const closedText = "Operation not allowed on closed client"

// publicCode is the code under which users of the original client know an error of the core, and its text where the code's
// own would not do.
func publicCode(code int) (ErrorCode, string) {
	switch code {
	case codeClosed, codeHandle:
		return ErrState, closedText
	case codeArgument:
		return ErrInvalidArg, ""
	case codeWouldBlock:
		return ErrTimedOut, ""
	case codeOutcomeUnknown:
		return ErrPurgeInflight, "The client was closed before the outcome was known"
	case codeSystem:
		return ErrCritSysResource, "The operating system refused (memory, threads, descriptors)"
	case codeForked:
		return ErrState, codeText(code)
	case codeInternal:
		return ErrFail, codeText(code)
	}
	return ErrorCode(code), ""
}

func closedError() error { return newErrorFromCode(codeClosed) }

// WriteErrorCodes writes the constants of all error codes as Go source.
func WriteErrorCodes(f *os.File) {
	fmt.Fprintf(f, "package kafka\n\n// librdkafka %s\n\nconst (\n", librdkafkaVersion())
	for _, one := range allCodes {
		fmt.Fprintf(f, "\t%s ErrorCode = %d // %s\n", one.name, int(one.code), one.code)
	}
	fmt.Fprintf(f, ")\n")
}
