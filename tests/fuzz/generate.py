"""Writes a C function for each function of the header, which calls it with made-up arguments: calls.c says how they are made.

    generate.py HEADER >calls.inc

A parameter that nothing is known of is an error, so that no function of the header can be left out.
"""

from __future__ import annotations

import re
import sys

#: What the parameter of this type is given; `name` of the parameter picks among several.
BY_TYPE = {
    "krs_client": "any_client(s)",
    "krs_chan": "any_chan(s)",
    "krs_topic": "any_topic(s)",
    "krs_mock": "any_mock(s)",
    "krs_client *": "maybe(s, &s->client)",
    "krs_chan *": "maybe(s, &s->chan)",
    "krs_topic *": "maybe(s, &s->topic)",
    "krs_mock *": "maybe(s, &s->mock)",
    "krs_conf *": "any_conf(s)",
    "const krs_conf *": "any_conf(s)",
    "krs_conf **": "maybe(s, &s->conf)",
    "krs_batch **": "any_batch(s)",
    "const krs_batch *": "a_batch(s)",
    "krs_batch_view *": "any_view(s)",
    "krs_row *": "any_row(s)",
    "krs_stats *": "any_stats(s)",
    "krs_close_result *": "any_result(s)",
    "krs_error *": "any_error(s)",
    "krs_bytes": "any_bytes(s)",
    "krs_bytes *": "maybe(s, &s->bytes[any_below(s, 2)])",
    "const krs_message *": "any_message(s)",
    "const krs_records *": "any_records(s)",
    "const krs_partitions *": "any_partitions(s)",
    "const krs_new_topic *": "any_new_topics(s)",
    "const krs_case *": "any_cases(s)",
    "const char *": "any_text(s)",
    "const char *const *": "any_texts(s)",
    "const char **": "maybe(s, &s->told)",
    "char *": "maybe(s, s->buffer)",
    "uint8_t *": "maybe(s, (uint8_t *)s->buffer)",
    "krs_code *": "maybe(s, s->codes)",
    "int *": "maybe(s, &s->ints[any_below(s, 2)])",
    "int32_t *": "maybe(s, &s->ints[any_below(s, 2)])",
    "uint32_t *": "maybe(s, &s->unsigneds[any_below(s, 2)])",
    "int64_t *": "maybe(s, &s->longs[any_below(s, 2)])",
    "size_t *": "any_size(s)",
    "krs_code": "(krs_code)any_number(s)",
    "int32_t": "(int32_t)any_number(s)",
    "uint32_t": "(uint32_t)any_number(s)",
    "int64_t": "any_number(s)",
    "uint64_t": "(uint64_t)any_number(s)",
}
#: Numbers that promise how much memory there is, or how long to wait.
BY_NAME = {
    ("size_t", "capacity"): "any_capacity(s)",
    ("size_t", "count"): "any_below(s, MANY + 1)",
    ("size_t", "extension_count"): "any_below(s, MANY + 1)",
    ("int32_t", "timeout_ms"): "any_timeout(s)",
}
#: Takes the object away from its owner.
TAKES = {"krs_conf_free": "take_conf(s)", "krs_batch_free": "take_batch(s)"}
#: One in so many: they cost much, or leave nothing alive for the others.
RARE = {
    "krs_client_open": 300,
    "krs_client_close": 600,
    "krs_mock_open": 20000,
    "krs_mock_close": 20000,
    "krs_chan_close": 20,
    "krs_chan_free": 20,
    "krs_conf_free": 20,
}


def prototypes(header: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return type, name and parameters of each function."""
    lines = [line for line in header.split("\n") if not line.lstrip().startswith(("//", "#"))]
    found = []
    for statement in " ".join(lines).split(";"):
        match = re.search(r"((?:const )?\w+ [*]?)(krs_\w+)\(([^()]*)\)\s*$", " ".join(statement.split()))
        if match:
            returns, name, list_of = match.groups()
            found.append(
                (returns.strip(), name, [split(each) for each in list_of.split(",") if each != "void"])
            )
    return found


def split(parameter: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*(.*?[ *])(\w+)\s*", parameter)
    assert match, parameter
    return " ".join(match[1].replace("*", " *").split()).replace("* *", "**"), match[2]


def argument(function: str, ctype: str, name: str) -> str:
    made = TAKES.get(function) or BY_NAME.get((ctype, name)) or BY_TYPE.get(ctype)
    if made is None:
        sys.exit(f"{function}: nothing is known of a parameter {ctype} {name}")
    return made


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        header = file.read()
    functions = prototypes(header)
    declared = len(re.findall(r"^[\w *]*\bkrs_\w+\(", header, re.MULTILINE))
    if len(functions) != declared:
        sys.exit(f"{len(functions)} functions understood, {declared} in the header")
    for returns, name, parameters in functions:
        arguments = ", ".join(argument(name, *each) for each in parameters)
        call = f"{name}({arguments})"
        body = f"return {call};" if returns == "krs_code" else f"(void)s; (void){call}; return KRS_OK;"
        if returns == "void":
            body = f"{call}; return KRS_OK;"
        print(f"static krs_code call_{name}(state_t *s) {{ {body} }}")
    print("static const function_t functions[] = {")
    for _, name, _ in functions:
        print(f'    {{"{name}", call_{name}, {RARE.get(name, 1)}}},')
    print("};")


if __name__ == "__main__":
    main()
