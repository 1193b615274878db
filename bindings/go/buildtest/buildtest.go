// Package buildtest holds tests of how programs are built with the package kafka, and of the programs beside it.
package buildtest
