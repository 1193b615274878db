"""Rows of who may connect: each way to authenticate with the right secret and with wrong ones, on a broker of its own.

What must never be seen is every password, token and key: not in an error, a log row, or a setting that is read back.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bed import ROOT, Row, exactly, languages
from fakes import Told, probe

PLAIN, SCRAM, WRONG = "plain-pass-4711", "scram-pass-4712", "wrong-pass-4713"
#: Listener: its protocol, and the certificate that it shows.
LISTENERS = {
    "PLAINTEXT": ("PLAINTEXT", ""),
    "SASLP": ("SASL_PLAINTEXT", ""),
    "SASLSSL": ("SASL_SSL", "server"),
    "MTLS": ("SSL", "server"),
    "BADNAME": ("SSL", "badname"),
    "OAUTH": ("SASL_PLAINTEXT", ""),
}
SECURITY = "org.apache.kafka.common.security"


def properties(pki: Path) -> Iterator[str]:
    every = [f"{name}://127.0.0.1:0" for name in (*LISTENERS, "CONTROLLER")]
    yield f"listeners={','.join(every)}"
    protocols = [f"{name}:{protocol}" for name, (protocol, _) in LISTENERS.items()]
    yield f"listener.security.protocol.map=CONTROLLER:PLAINTEXT,{','.join(protocols)}"
    yield "inter.broker.listener.name=PLAINTEXT"
    yield "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    yield "super.users=User:ANONYMOUS"
    for name, (protocol, certificate) in LISTENERS.items():
        prefix = f"listener.name.{name.lower()}"
        if certificate:
            yield f"{prefix}.ssl.keystore.type=PEM"
            yield f"{prefix}.ssl.keystore.location={pki}/{certificate}.pem"
            yield f"{prefix}.ssl.truststore.type=PEM"
            yield f"{prefix}.ssl.truststore.location={pki}/ca.crt"
            yield f"{prefix}.ssl.client.auth={'required' if name == 'MTLS' else 'none'}"
        if protocol.startswith("SASL"):
            yield from sasl(prefix, name == "OAUTH")
    yield "listener.name.mtls.ssl.principal.mapping.rules=RULE:^.*CN=([^,]*).*$/$1/"


def sasl(prefix: str, oauth: bool) -> Iterator[str]:
    if oauth:
        yield f"{prefix}.sasl.enabled.mechanisms=OAUTHBEARER"
        module = (
            f'{SECURITY}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";'
        )
        yield f"{prefix}.oauthbearer.sasl.jaas.config={module}"
        return
    yield f"{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
    users = f'user_alice="{PLAIN}" user_bob="{PLAIN}"'
    yield f"{prefix}.plain.sasl.jaas.config={SECURITY}.plain.PlainLoginModule required {users};"
    for mechanism in ("scram-sha-256", "scram-sha-512"):
        yield f"{prefix}.{mechanism}.sasl.jaas.config={SECURITY}.scram.ScramLoginModule required;"


class Broker:
    """One broker with all listeners, in a directory of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-secure."))
        self.pki = self.directory / "pki"
        subprocess.run([ROOT / "tests/broker/pki", self.pki], check=True)
        extra = self.directory / "extra.properties"
        extra.write_text("\n".join(properties(self.pki)) + "\n")
        scram = [f"--add-scram SCRAM-SHA-{bits}=[name=alice,password={SCRAM}]" for bits in (256, 512)]
        env = {**os.environ, "KAFKA_PROPERTIES": str(extra), "KAFKA_FORMAT": " ".join(scram)}
        self._kafka("start", env)
        log = (self.directory / "broker/server.log").read_text()
        self.ports = dict(re.findall(r"(\w+): resolved ephemeral port to (\d+)", log))

    def _kafka(self, command: str, env: dict[str, str] | None = None) -> None:
        words = [ROOT / "tests/broker/kafka", command, self.directory / "broker"]
        subprocess.run(words, check=True, env=env, stdout=subprocess.DEVNULL)

    def at(self, listener: str) -> str:
        return f"127.0.0.1:{self.ports[listener]}"

    def allow(self, user: str, topic: str) -> None:
        """CreateAcls version 1, by hand: all on that topic and on every group."""

        def text(value: str) -> bytes:
            return struct.pack(">h", len(value)) + value.encode()

        def rule(kind: int, name: str) -> bytes:
            literal, everything, allowed = 3, 2, 3
            names = text(name) + struct.pack(">b", literal) + text(f"User:{user}") + text("*")
            return struct.pack(">b", kind) + names + struct.pack(">bb", everything, allowed)

        body = struct.pack(">hhihi", 30, 1, 1, -1, 2) + rule(2, topic) + rule(3, "*")
        with socket.create_connection(("127.0.0.1", int(self.ports["PLAINTEXT"])), 5) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", exactly(connection, 4))
            exactly(connection, size)

    def end(self) -> None:
        self._kafka("stop")
        shutil.rmtree(self.directory)


@dataclass
class Case:
    name: str
    listener: str
    settings: dict[str, str] = field(default_factory=dict)
    #: What must not be told, beside the settings that are secret.
    secrets: tuple[str, ...] = ()
    topic: str = "open"
    token: str = ""
    #: Of the error row, or of the report; none: it works.
    wrong: tuple[str, ...] = ()


def cases(pki: Path) -> Iterator[Case]:
    def login(mechanism: str, user: str, password: str, **more: str) -> dict[str, str]:
        secure = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": mechanism}
        return {**secure, "sasl.username": user, "sasl.password": password, **more}

    def tls(name: str = "", authority: str = "ca") -> dict[str, str]:
        settings = {"security.protocol": "SSL", "ssl.ca.location": f"{pki}/{authority}.crt"}
        if name:
            settings["ssl.certificate.location"] = f"{pki}/{name}.crt"
            settings["ssl.key.location"] = f"{pki}/{name}.key"
        return settings

    over_tls = {"security.protocol": "SASL_SSL", "ssl.ca.location": f"{pki}/ca.crt"}
    authentication, trust = ("_AUTHENTICATION",), ("_SSL", "_TRANSPORT", "_ALL_BROKERS_DOWN")
    yield Case("PLAIN", "SASLP", login("PLAIN", "alice", PLAIN))
    yield Case("PLAIN, wrong password", "SASLP", login("PLAIN", "alice", WRONG), wrong=authentication)
    for bits in ("256", "512"):
        scram = f"SCRAM-SHA-{bits}"
        yield Case(scram, "SASLP", login(scram, "alice", SCRAM))
        yield Case(f"{scram}, wrong password", "SASLP", login(scram, "alice", WRONG), wrong=authentication)
    yield Case("SASL_SSL, PLAIN", "SASLSSL", {**login("PLAIN", "alice", PLAIN), **over_tls})
    yield Case("SASL_SSL, SCRAM", "SASLSSL", {**login("SCRAM-SHA-512", "alice", SCRAM), **over_tls})
    wrong = {**login("PLAIN", "alice", WRONG), **over_tls}
    yield Case("SASL_SSL, wrong password", "SASLSSL", wrong, wrong=authentication)
    unknown = {**login("PLAIN", "alice", PLAIN), **over_tls, "ssl.ca.location": f"{pki}/rogue.crt"}
    yield Case("SASL_SSL, unknown CA", "SASLSSL", unknown, wrong=("_SSL",))
    yield Case("mTLS", "MTLS", tls("client"))
    key = (pki / "client.key").read_text()
    inline = {
        "security.protocol": "SSL",
        "ssl.ca.pem": (pki / "ca.crt").read_text(),
        "ssl.certificate.pem": (pki / "client.crt").read_text(),
        "ssl.key.pem": key,
    }
    yield Case("mTLS, key as text", "MTLS", inline, secrets=tuple(key.split("\n")[1:3]))
    yield Case("mTLS, no certificate", "MTLS", tls(), wrong=trust)
    yield Case("mTLS, expired certificate", "MTLS", tls("expired"), wrong=trust)
    yield Case("mTLS, certificate of unknown CA", "MTLS", tls("stranger"), wrong=trust)
    yield Case("TLS, certificate of another host", "BADNAME", tls(), wrong=("_SSL",))
    yield Case("no TLS where TLS is spoken", "MTLS", wrong=("_TRANSPORT", "_ALL_BROKERS_DOWN"))
    yield Case("TLS where none is spoken", "PLAINTEXT", tls(), wrong=("_SSL", "_TRANSPORT"))
    oauth = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER"}
    good, late = token(300), token(-300)
    yield Case("OAUTHBEARER", "OAUTH", oauth, token=good, secrets=(good.split(".")[1],))
    yield Case(
        "OAUTHBEARER, expired token",
        "OAUTH",
        oauth,
        token=late,
        secrets=(late.split(".")[1],),
        wrong=authentication,
    )
    yield Case("OAUTHBEARER, no token", "OAUTH", oauth, wrong=authentication)
    denied = ("TOPIC_AUTHORIZATION_FAILED",)
    yield Case("ACL: user without any", "SASLP", login("PLAIN", "bob", PLAIN), wrong=denied)
    yield Case(
        "ACL: topic not allowed", "SASLP", login("PLAIN", "alice", PLAIN), topic="closed", wrong=denied
    )


def token(seconds: int) -> str:
    """An unsecured token for alice, good for so long."""

    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    now = int(time.time())
    claims = {"sub": "alice", "iat": min(now, now + seconds) - 60, "exp": now + seconds}
    return f"{part({'alg': 'none'})}.{part(claims)}."


def judge(language: str, case: Case, told: Told) -> Row:
    summary = told.summary
    codes = [line["row"] for line in told.lines if "row" in line]
    row = told.row(f"login: {case.name}", language)
    if case.wrong:
        seen = [code for code in (*codes, summary["sent"]) if code in case.wrong]
        row.figures["faults"] = 1
        texts = [line["text"] for line in told.lines if line.get("row") in case.wrong]
        row.note = f"{seen[0] if seen else '?'}: {texts[0][:70] if texts else ''}"
        row.promise(seen, f"told {codes or 'nothing'} and {summary['sent']}")
        row.promise(summary["sent"] != "NO_ERROR", "it was let in")
    else:
        row.figures |= {"acked": int(summary["sent"] == "NO_ERROR")}
        row.figures |= {"received": int(summary["received"] == "NO_ERROR")}
        row.promise(row.figures["received"], f"not received: {summary}, {told.lines[-4:-1]}")
    everything = json.dumps(told.lines)
    for secret in (PLAIN, SCRAM, WRONG, *case.secrets):
        row.promise(secret not in everything, "a secret was told: " + where(told, secret))
    return row


def where(told: Told, secret: str) -> str:
    return next((str(next(iter(line))) for line in told.lines if secret in json.dumps(line)), "")


def logins(seconds: float) -> Iterator[Row]:
    broker = Broker()
    try:
        for topic in ("open", "closed"):  # Makes them.
            probe("C", broker.at("PLAINTEXT"), topic, 20)
        broker.allow("alice", "open")

        def run(each: tuple[Case, str]) -> Row:
            case, language = each
            settings = [f"{name}={value}" for name, value in case.settings.items()]
            # All that librdkafka can log of it.
            debug = "debug=security,broker,protocol,feature,conf"
            limit = seconds if case.wrong else 30.0
            server = broker.at(case.listener)
            told = probe(language, server, case.topic, limit, *settings, debug, token=case.token)
            return judge(language, case, told)

        with ThreadPoolExecutor(6) as pool:
            yield from pool.map(run, itertools.product(cases(broker.pki), languages()))
    finally:
        broker.end()
