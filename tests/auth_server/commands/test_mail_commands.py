"""`gatepost auth-server mail …`: an operator tests the SMTP server and looks at the outbox."""

from pathlib import Path

from click.testing import CliRunner, Result

from auth_server.cli import auth_server as command
from support.in_process.auth_server import RESOURCE, SECRET_KEY
from support.processes.configuration import issuing, write_config


def run(folder: Path, issuer: str, *words: str, **mail: object) -> Result:
    """Run a command with settings of mail."""
    section = issuing(issuer, RESOURCE, database_url=f"sqlite+aiosqlite:///{folder}/gatepost.db")
    if mail:
        section["mail"] = mail
    config = write_config(folder, secret=SECRET_KEY, auth_server=section)
    return CliRunner().invoke(command, ["mail", words[0], "--config", str(config), *words[1:]])


def test_without_an_smtp_server_a_developer_sees_the_mail(tmp_path: Path) -> None:
    done = run(tmp_path, "http://127.0.0.1:8400", "test", "ada@acme.example")
    assert done.exit_code == 0
    assert "Mail to ada@acme.example" in done.stderr
    assert "Subject: Test of the mail settings" in done.stderr
    assert "auth_server.mail is not configured" in done.stdout


def test_a_script_tells_an_operator_what_failed_without_a_database(tmp_path: Path) -> None:
    what = "the back-up failed: no room\nBcc: eve@evil.example"
    done = run(tmp_path, "http://127.0.0.1:8400", "alert", "ops@acme.example", what)
    assert done.exit_code == 0
    assert "Mail to ops@acme.example" in done.stderr
    assert "Subject: Attention: the back-up failed: no room Bcc: eve@evil.example" in done.stderr
    assert not (tmp_path / "gatepost.db").exists()


def test_an_operator_learns_why_a_mail_was_not_sent(tmp_path: Path) -> None:
    nobody = {"sender": "no-reply@orbit.example", "host": "127.0.0.1", "port": 9}
    done = run(tmp_path, "https://auth.example", "test", "ada@acme.example", **nobody)
    assert done.exit_code == 1 and "the SMTP server can't be used" in done.output
    done = run(tmp_path, "https://auth.example", "test", "ada@acme.example")
    assert done.exit_code == 1 and "auth_server.mail is not configured" in done.output
    done = run(tmp_path, "https://auth.example", "test", "ada, eve@evil.example")
    assert done.exit_code == 1 and "must be an e-mail address" in done.output


def test_a_wrong_setting_is_named_with_its_fix(tmp_path: Path) -> None:
    done = run(tmp_path, "https://auth.example", "test", "a@b.example", sender="x", host="h")
    assert done.exit_code == 1 and "mail.sender (line" in done.output
    plain = {"sender": "no-reply@orbit.example", "host": "h", "username": "u", "password": "pw"}
    done = run(tmp_path, "https://auth.example", "test", "a@b.example", **plain)
    assert "must not contain the secret itself" in done.output and '"pw"' not in done.output


def test_the_outbox_is_listed(operate: object) -> None:
    assert callable(operate)
    done = operate("mail", "list")
    assert (done.exit_code, done.output) == (0, "There are no mails.\n")
