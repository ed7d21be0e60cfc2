"""The page as a file and behind its server, and the command."""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import zlib
from bisect import bisect_right
from contextlib import contextmanager

import pytest

from prm_gym.cli import main
from prm_gym.errors import OptionError
from prm_gym.viewer.collection import Collection
from prm_gym.viewer.details import Texts
from prm_gym.viewer.packs import PACK_BYTES, Packer, packed
from prm_gym.viewer.page import TooLargeError, served_page, write_view
from prm_gym.viewer.server import ViewServer


def unpacked(page, name):
    (text,) = re.findall(f'<script type="application/octet-stream" id="{name}">([A-Za-z0-9+/=]*)</script>', page)
    return decoded(text)


def decoded(text):
    return json.loads(zlib.decompress(base64.b64decode(text)))


def test_the_page_holds_everything_and_loads_nothing(store, proofs, tmp_path):
    collection = Collection([store(proofs)], ["grpo"])
    written = write_view(collection, tmp_path / "v.html")
    page = (tmp_path / "v.html").read_text(encoding="utf-8")
    assert written.size == len(page.encode())
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r'\s(src|href|action|style|on\w+)="(?!data:,)', page)
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;; img-src data:;")
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"{tag}-src &#x27;sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}&#x27;" in policy
    index, pack, texts = unpacked(page, "index"), unpacked(page, "trajectory-0"), unpacked(page, "text-0")["texts"]
    assert index["id"] == ["g/0", "g/1", "g/2", "h/0", "h/1"]
    assert index["outcome"] == [1.0, 0.0, None, 0.0, 0.5]
    assert index["groups"]["first"] == [0, 3]
    assert [texts[item["steps"][0]["action"]] for item in pack] == ["left", "right", "left", "wait", "go"]
    assert len(unpacked(page, "graph-0")) == 2
    assert "the gold answer" not in json.dumps([pack, texts, index])
    # The same trajectories, the same page.
    write_view(collection, tmp_path / "w.html")
    assert (tmp_path / "w.html").read_bytes() == page.encode()


def test_a_served_page_may_ask_its_own_server_alone(store, proofs):
    page = served_page(Collection([store(proofs)]))
    assert "connect-src &#x27;self&#x27;" in page
    assert "application/octet-stream" not in page


def test_packs_hold_every_record_once_and_their_texts_apart():
    packer = Packer()
    wanted = [f"{number} " + "x" * (number % 7) * 1000 for number in range(400)]
    for number, text in enumerate(wanted):
        packer.add(lambda texts, text=text, number=number: {"text": texts.of(text), "same": texts.sought("same", number), "more": "y" * 12_000})
    packer.finish()
    found, blocks = [], [decoded(block) for block in packer.blocks]
    for start, pack in zip(packer.starts, packer.packs, strict=True):
        assert start == len(found)
        read = decoded(pack)
        assert len(json.dumps(read)) < 2 * PACK_BYTES
        block = bisect_right(packer.block_starts, start) - 1
        assert bisect_right(packer.block_starts, start + len(read) - 1) - 1 == block  # of one block, whichever of its records is asked for
        found += [blocks[block]["texts"][item["text"]] for item in read]
    assert found == wanted
    assert all(block["texts"].count("same") == 1 for block in blocks)
    assert len(packer.packs) > 2 * len(packer.blocks) > 6
    assert Texts().listed == []
    assert not set(packed({"x": "</script><!--"})) & set("<>&\"'")


def test_of_every_text_it_is_known_whom_it_leads_to():
    # Found by "a": 7 and 9; by "b": nobody (it is shown, not sought); by "c": 9, named twice, and 12.
    # Distances count from 7, then from the first of the text before.
    texts = Texts()
    assert [texts.sought("a", 7), texts.of("b"), texts.sought("c", 9), texts.sought("a", 9), texts.sought("c", 9)] == [0, 1, 2, 0, 2]
    assert texts.sought("c", 12) == 2
    assert texts.owners(7) == [2, 0, 2, 0, 2, 2, 3]
    assert (texts.listed, texts.size) == (["a", "b", "c"], 3)


def test_what_does_not_fit_into_a_page_is_refused_and_nothing_is_written(store, proofs, tmp_path):
    with pytest.raises(TooLargeError, match="20,000"):
        write_view(Collection([store(proofs)]), tmp_path / "v.html", most_bytes=20_000)
    assert not (tmp_path / "v.html").exists()


@contextmanager
def serving(collection):
    with ViewServer(collection) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def get(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_server_answers_what_the_page_holds(store, proofs, tmp_path):
    collection = Collection([store(proofs)], ["grpo"])
    write_view(collection, tmp_path / "v.html")
    page = (tmp_path / "v.html").read_text(encoding="utf-8")
    pack, texts = unpacked(page, "trajectory-0"), unpacked(page, "text-0")["texts"]
    with serving(collection) as server:
        status, headers, body = get(server, "/")
        assert (status, headers["Content-Security-Policy"], headers["X-Content-Type-Options"]) == (200, "frame-ancestors 'none'", "nosniff")
        assert b'data-server="1"' in body
        index = json.loads(get(server, "/index")[2])
        same = {name: value for name, value in unpacked(page, "index").items() if name not in ("packs", "texts", "graphs", "server")}
        assert same == {name: index[name] for name in same}
        for number in range(5):
            found = json.loads(get(server, f"/trajectory/{number}")[2])
            assert found["texts"][found["steps"][0]["action"]] == texts[pack[number]["steps"][0]["action"]]
        assert json.loads(get(server, "/graph/0")[2]) == unpacked(page, "graph-0")[0]
        assert json.loads(get(server, "/search?q=DARK&from=0")[2]) == {"hits": [3], "next": 5}
        assert [get(server, path)[0] for path in ("/trajectory/5", "/graph/2", "/trajectory/-1", "/../../etc/passwd", "/search?q=x&from=y")] == [
            404,
            404,
            404,
            404,
            409,
        ]


def test_the_server_refuses_other_names_and_listens_on_loopback_alone(store, proofs):
    with serving(Collection([store(proofs)])) as server:
        port = server.server_address[1]
        assert server.server_address[0] == "127.0.0.1"
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}"):
            for path in ("/", "/index", "/trajectory/0"):
                status, _, body = get(server, path, host)
                assert (status, b"g/0" in body) == (421, False)
        assert get(server, "/index", f"localhost:{port}")[0] == 200
        with pytest.raises(OptionError, match=f"port {port}"):
            ViewServer(Collection([store(proofs, "other.jsonl")]), port)


def test_a_file_that_grows_is_read_again_when_the_page_is(store, proofs):
    path = store(proofs[:3])
    with serving(Collection([path])) as server:
        assert json.loads(get(server, "/changes")[2]) == {"changed": False}
        store(proofs[3:])
        assert json.loads(get(server, "/changes")[2]) == {"changed": True}
        assert len(json.loads(get(server, "/index")[2])["id"]) == 3
        get(server, "/")
        assert len(json.loads(get(server, "/index")[2])["id"]) == 5
        assert json.loads(get(server, "/changes")[2]) == {"changed": False}
        path.write_text("")
        assert get(server, "/")[0] == 200
        assert get(server, "/trajectory/0")[0] == 409  # said, not shown


def test_the_command_writes_a_page_and_says_what_it_left_out(store, proofs, tmp_path, capsys):
    path = store(proofs)
    with path.open("ab") as file:
        file.write(b'{"half a line')
    main(["view", str(path), "--json", "--credit", "grpo,gae"])
    out, err = capsys.readouterr()
    (said,) = json.loads(out)
    assert (said["trajectories"], said["steps"], said["unread"], said["success"]) == (5, 7, 1, 0.375)
    assert said["page"] == str(tmp_path / "t.html")
    assert said["bytes"] == (tmp_path / "t.html").stat().st_size
    assert f"{path}, line 6: " in err
    assert "lack value" in said["credit"]["gae"]
    page = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "1 line not read" in page
    assert f"{path}, line 6: " in page
    main(["view", str(path), "--credit", ""])  # a page of ours is written again
    assert "lack value" not in (tmp_path / "t.html").read_text(encoding="utf-8")


def test_the_command_takes_signals_and_refuses_what_is_none(store, proofs, capsys):
    path = store(proofs)
    main(["view", str(path), "--json", "--credit", "vineppo,grpo", "--signal", "mc_value:random?k=1"])
    (said,) = json.loads(capsys.readouterr().out)
    assert said["signals"] == ["mc_value:random?k=1"]
    # These are paid for more than outcomes, of which roll-outs know nothing: said, and never 0.
    assert "the signal mc_value:random?k=1 cannot fill it" in said["credit"]["vineppo"]
    assert said["credit"]["grpo"] == "assigned"
    with pytest.raises(SystemExit) as ended:
        main(["view", str(path), "--signal", "mc_valu"])
    assert ended.value.code == 2
    assert "mc_value" in capsys.readouterr().err


@pytest.mark.parametrize("case", ["nothing readable", "no file", "other page", "wrong credit", "no path"])
def test_the_command_fails_with_2_and_a_reason(store, proofs, tmp_path, capsys, case):
    path = store(proofs)
    match case:
        case "nothing readable":
            path.write_text("x\n")
            given, reason = [str(path)], "no trajectory can be read"
        case "no file":
            given, reason = [str(tmp_path / "gone")], "there is no trajectory file"
        case "other page":
            (tmp_path / "t.html").write_text("<p>mine</p>")
            given, reason = [str(path)], "is not written over"
        case "wrong credit":
            given, reason = [str(path), "--credit", "gigp"], "gigpo"
        case _:
            given, reason = [], "name a file"
    with pytest.raises(SystemExit) as caught:
        main(["view", *given])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "t.html").exists() or (tmp_path / "t.html").read_text() == "<p>mine</p>"


def test_what_is_too_large_for_a_page_is_served_until_it_is_told_to_end(store, trajectory, step, tmp_path):
    # Two megabytes that cannot be compressed into one: random letters.
    noise = base64.b64encode(os.urandom(1_600_000)).decode()
    path = store([trajectory("g", attempt, [step(0, noise[attempt::2], "A", "B", terminated=True)], 1.0) for attempt in range(2)])
    command = [sys.executable, "-m", "prm_gym", "view", str(path), "--most-mb", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or lines[-1].rstrip() != "]":
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        (said,) = json.loads("".join(lines))
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", said["served at"])
        process.terminate()  # an interruption does the same; but who runs the tests in the background may have it ignored by all processes
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "it is served instead" in err


def test_a_page_from_before_the_files_were_read_again_is_told_so(store, proofs):
    """Its numbers are those of the files as they were: the first trajectory is another one now."""
    path = store(proofs)
    with serving(Collection([path])) as server:
        reading = json.loads(get(server, "/index")[2])["reading"]
        assert get(server, f"/trajectory/0?reading={reading}")[0] == 200
        store(proofs[::-1][:2])
        assert get(server, "/")[0] == 200  # the page of somebody else
        for asked in ("/trajectory/0", "/graph/0", "/search?q=x&from=0"):
            status, _, body = get(server, f"{asked}{'&' if '?' in asked else '?'}reading={reading}")
            assert (status, b"reload the page" in body) == (409, True)
        assert json.loads(get(server, f"/changes?reading={reading}")[2]) == {"changed": True}
        assert json.loads(get(server, f"/changes?reading={reading + 1}")[2]) == {"changed": False}


def test_what_is_nested_too_deep_is_left_out_and_hides_nothing_else(tmp_path, store, proofs):
    deep = '"env_options":{"x":' + "[" * 700 + "12345678901234567890" + "]" * 700 + "}"
    line = store(proofs[:1]).read_text().replace('"env_options":{}', deep)
    assert deep in line
    path = tmp_path / "deep.jsonl"
    path.write_text(line)
    write_view(Collection([path]), tmp_path / "v.html")
    item = unpacked((tmp_path / "v.html").read_text(encoding="utf-8"), "trajectory-0")[0]
    assert "nested deeper" in json.dumps(item["options"])
    assert item["steps"]


def test_a_file_whose_name_is_no_text(store, proofs, tmp_path):
    path = tmp_path / os.fsdecode(b"bad\xff.jsonl")
    store(proofs).rename(path)
    collection = Collection([path])
    write_view(collection, tmp_path / "v.html")
    assert unpacked((tmp_path / "v.html").read_text(encoding="utf-8"), "index")["files"][0]["path"].endswith("bad\\udcff.jsonl")
    with serving(collection) as server:
        path.unlink()
        assert get(server, "/trajectory/0")[0] == 409
