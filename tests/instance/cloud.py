"""A small AWS for one test: instance metadata, SSM's GetParameter, CompleteLifecycleAction, STS's GetCallerIdentity, and
S3's GetObject and PutObject, on one loopback port.

It checks every signature, so that a call which the real AWS would refuse fails here too.
"""

import hashlib
import hmac
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INSTANCE = "i-0123456789abcdef0"
REGION = "eu-central-1"
KEY, SECRET, SESSION = "ASIATESTKEY", "se/cret+key==", "session/to+ken=="
NO_ACTION = "No active Lifecycle Action found with instance ID " + INSTANCE


class Cloud:
    """The state that a test sets, and the calls that the boot script made."""

    def __init__(self):
        self.parameters = {}
        self.objects = {}  # S3: /bucket/key → bytes
        self.pages = {}  # path → bytes that anybody may read
        self.puts = []  # (path, bytes) of each PutObject
        self.put_status = 200
        self.role = "AROATESTROLE"
        self.identity_asked = 0
        self.ssm_error = None  # (HTTP status, __type): the answer to every SSM call
        self.action_answers = []  # (HTTP status, code, message): one for each call; after the last, 200
        self.metadata = {
            "instance-id": INSTANCE,
            "placement/region": REGION,
            "iam/security-credentials/": "role-of-the-group",
            "iam/security-credentials/role-of-the-group": json.dumps(
                {"Code": "Success", "AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": SESSION}
            ),
        }
        self.actions = []  # the form fields of each CompleteLifecycleAction
        self.reads = []  # the names of the parameters that were read
        self.bad_signatures = []
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve_tls(self, context):
        """The same once more, with TLS; returns its port, and what ends it."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def close():
            server.shutdown()
            server.server_close()

        return server.server_port, close

    def put_parameter(self, name, value):
        self.parameters[name] = value

    def wait_until(self, condition, seconds=30):
        """Waits for a call of the boot script; a failure prints the last calls."""
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError(f"not within {seconds} s; asked so far: {self.reads[-5:]}, {self.actions}")

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def signature_of(method, path, headers, body, credential, signed_names, secret):
    """AWS Signature Version 4, written from AWS's own description."""
    _, date, region, service, _ = credential.split("/")
    canonical = "\n".join(
        [method, path, ""]
        + [f"{name}:{' '.join(headers[name].split())}" for name in signed_names]
        + ["", ";".join(signed_names), headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()]
    )
    scope = f"{date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _handler(cloud):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, body, kind="application/json"):
            data = body if isinstance(body, bytes) else body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_PUT(self):
            if self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]:
                self.answer(200, "the-token", "text/plain")
            elif not self.path.startswith("/latest/"):
                self.put_object()
            else:
                self.answer(400, "", "text/plain")

        def do_GET(self):
            if self.path in cloud.pages:
                self.answer(200, cloud.pages[self.path], "text/plain")
                return
            if self.path.startswith("/seed/"):
                # cloud-init asks for documents that a seed need not have.
                self.answer(404, "", "text/plain")
                return
            if not self.path.startswith("/latest/"):
                self.get_object()
                return
            value = cloud.metadata.get(self.path.removeprefix("/latest/meta-data/"))
            if self.headers["X-aws-ec2-metadata-token"] != "the-token":
                self.answer(401, "", "text/plain")
            elif value is None:
                self.answer(404, "", "text/plain")
            else:
                self.answer(200, value, "text/plain")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service = self.checked_service(body)
            with cloud.changed:
                if service is None:
                    self.answer(403, json.dumps({"__type": "InvalidSignatureException"}))
                elif service == "sts":
                    self.get_caller_identity(dict(urllib.parse.parse_qsl(body.decode())))
                elif service == "ssm":
                    self.get_parameter(json.loads(body))
                else:
                    self.complete_action(dict(urllib.parse.parse_qsl(body.decode())))
                cloud.changed.notify_all()

        def put_object(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with cloud.changed:
                whole = self.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
                if self.checked_service(body) != "s3" or not whole:
                    self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
                else:
                    if cloud.put_status == 200:
                        cloud.puts.append((urllib.parse.unquote(self.path), body))
                    self.answer(cloud.put_status, "", "application/xml")
                cloud.changed.notify_all()

        def get_caller_identity(self, form):
            cloud.identity_asked += 1
            if form != {"Action": "GetCallerIdentity", "Version": "2011-06-15"}:
                self.answer(400, "<ErrorResponse/>", "text/xml")
                return
            # The form of the answer: AWS STS API reference, GetCallerIdentity.
            user = f"<UserId>{cloud.role}:{INSTANCE}</UserId><Account>123456789012</Account>"
            result = f"<GetCallerIdentityResult>{user}</GetCallerIdentityResult>"
            self.answer(200, f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>", "text/xml")

        def get_object(self):
            if self.checked_service(b"") != "s3":
                self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
            elif self.path not in cloud.objects:
                self.answer(404, "<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            else:
                self.answer(200, cloud.objects[self.path], "application/gzip")

        def checked_service(self, body):
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                fields = dict(
                    part.strip().split("=", 1)
                    for part in headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
                )
                names = fields["SignedHeaders"].split(";")
                wanted = signature_of(self.command, self.path, headers, body, fields["Credential"], names, SECRET)
                right = fields["Signature"] == wanted and headers.get("x-amz-security-token") == SESSION
            except KeyError as missing:
                cloud.bad_signatures.append(f"no {missing}")
                return None
            if not right:
                cloud.bad_signatures.append(headers["authorization"])
                return None
            return fields["Credential"].split("/")[3]

        def get_parameter(self, request):
            name = request["Name"]
            cloud.reads.append(name)
            if cloud.ssm_error:
                status, kind = cloud.ssm_error
                self.answer(status, json.dumps({"__type": kind, "message": "as the test asked"}))
            elif self.headers["X-Amz-Target"] != "AmazonSSM.GetParameter":
                self.answer(400, json.dumps({"__type": "InvalidAction"}))
            elif name not in cloud.parameters:
                self.answer(400, json.dumps({"__type": "ParameterNotFound"}))
            else:
                parameter = {"Name": name, "Type": "String", "Value": cloud.parameters[name], "Version": 1}
                self.answer(200, json.dumps({"Parameter": parameter}))

        def complete_action(self, form):
            cloud.actions.append(form)
            status, code, message = cloud.action_answers.pop(0) if cloud.action_answers else (200, None, None)
            if status == 200:
                self.answer(200, "<CompleteLifecycleActionResponse/>", "text/xml")
            else:
                error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                self.answer(status, f"<ErrorResponse>{error}</ErrorResponse>", "text/xml")

    return Handler
