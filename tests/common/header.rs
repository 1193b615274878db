//! The functions of the header, found there by the tests themselves, so that a
//! new one can't escape.
#![allow(dead_code, reason = "not every test program needs all")]

use std::collections::BTreeSet;

/// One parameter of a prototype.
pub struct Parameter {
    pub ctype: String,
}

pub struct Function {
    pub name: String,
    /// What it returns, such as `krs_code` or `const char *`.
    pub returns: String,
    pub parameters: Vec<Parameter>,
}

pub fn functions() -> Vec<Function> {
    let path = super::root().join("include/kafka_rs.h");
    let header = std::fs::read_to_string(path).expect("the header is there");
    let functions = parse(&header);
    let found: BTreeSet<String> = functions.iter().map(|f| f.name.clone()).collect();
    assert_eq!(found, declared(&header), "each function is understood");
    functions
}

/// Names that a line starts with, after the type that is returned.
pub fn declared(header: &str) -> BTreeSet<String> {
    header
        .lines()
        .filter(|line| !line.starts_with("//") && !line.starts_with(' '))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("krs_"))
        .map(str::to_owned)
        .collect()
}

/// `krs_code krs_x(krs_client client, int32_t n, krs_error *err);`, over one line or more.
fn parse(header: &str) -> Vec<Function> {
    let no_code = ["//", "/*", " *", "#", "extern \"C\""];
    let code: String = header
        .lines()
        .filter(|line| !no_code.iter().any(|start| line.starts_with(start)))
        .flat_map(|line| [line, " "])
        .collect();
    code.split(';').filter_map(function).collect()
}

fn function(statement: &str) -> Option<Function> {
    let (before, list) = statement.split_once('(')?;
    let (list, _) = list.rsplit_once(')')?;
    let before = before.trim();
    let (_, name) = before.rsplit_once([' ', '*'])?;
    if !name.starts_with("krs_") || before.starts_with("typedef") {
        return None;
    }
    let parameters = list
        .split(',')
        .map(one_spaced)
        .filter(|parameter| parameter != "void" && !parameter.is_empty());
    Some(Function {
        name: name.to_owned(),
        returns: one_spaced(before.strip_suffix(name)?),
        parameters: parameters.map(|text| parameter(&text)).collect(),
    })
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parameter(text: &str) -> Parameter {
    let end = text.rfind(['*', ' ']).expect("a parameter has a type") + 1;
    Parameter {
        ctype: text[..end].trim().to_owned(),
    }
}

impl Function {
    pub fn returns_code(&self) -> bool {
        self.returns == "krs_code"
    }

    /// The call in C, with the same number for each handle and for each number.
    pub fn call(&self, handle: &str, number: &str) -> String {
        let arguments: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| parameter.argument(handle, number))
            .collect();
        format!("{}({})", self.name, arguments.join(", "))
    }
}

impl Parameter {
    pub fn is_handle(&self) -> bool {
        ["krs_client", "krs_chan", "krs_topic", "krs_mock"].contains(&self.ctype.as_str())
    }

    /// What is passed for it, with handle number `handle` and number `number`.
    pub fn argument(&self, handle: &str, number: &str) -> String {
        match self.ctype.as_str() {
            kind if self.is_handle() => format!("({kind}){{{handle}}}"),
            "krs_bytes" => "(krs_bytes){NULL, 7}".to_owned(),
            pointer if pointer.ends_with('*') => "NULL".to_owned(),
            _ => number.to_owned(),
        }
    }
}
