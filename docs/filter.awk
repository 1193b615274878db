# Makes of include/kafka_rs.h what doxygen reads: comments that it sees, one group a section, links instead of backticks.
NR == 1 { print "/** @file\n */\n/** @mainpage kafka_rs.h"; next }

/^\/\* ---- / {
    if (section) print "/** @} */"
    section = $3
    print "/** @defgroup " section " " section
    print " * @{ */"
    next
}
/^#ifdef __cplusplus/ && section { print "/** @} */"; section = "" }

{ gsub(/KRS_\*_INIT/, "`KRS_*_INIT`") }
/^ *\/\/ / {
    sub(/\/\/ /, "/// ")
    # A paragraph of its own for each of what every function tells.
    if (match($0, /\/\/\/ (Ownership|Threads|Errors|Ownership, threads and errors): /)) {
        title = substr($0, RSTART + 4, RLENGTH - 6)
        rest = substr($0, RSTART + RLENGTH)
        print "/// @par " title
        $0 = "/// " rest
    }
    while (match($0, /`krs_[a-z0-9_]+\(\)`/) || match($0, /`krs_[a-z0-9_]+`/) || match($0, /`KRS_[A-Z0-9_]+`/)) {
        name = substr($0, RSTART + 1, RLENGTH - 2)
        if (name ~ /^KRS_/) name = "#" name
        $0 = substr($0, 1, RSTART - 1) name substr($0, RSTART + RLENGTH)
    }
}
/^ *\/\/$/ { sub(/\/\//, "///") }

/^#define KRS_[A-Z_]+_(INIT|NULL) / { print "/// Initial value." }
# A field needs no words where its name says all; functions, constants and types do.
/^    [a-z].*;$/ && !commented { print "/// &nbsp;" }
{ commented = /^ *\/\/\//; print }
