"""Only what the operator wrote for etcd-asg reaches etcd and the script's calls; what the image sets does not."""

import unittest

from cloud import Cloud
from machine import Case

FIELD_PROXY = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "169.254.169.254,localhost",
}


class Seen(Case):
    def etcd_sees(self):
        self.put_env()
        status, said = self.machine.prepare()
        self.assertEqual((status, said), (0, ""))
        self.machine.fake_etcd(f"env > {self.machine.root}/seen; exit 1")
        self.machine.run()
        return dict(line.split("=", 1) for line in (self.machine.root / "seen").read_text().splitlines() if "=" in line)

    def configure(self, *lines):
        (self.machine.root / "config").write_text("".join(f"{line}\n" for line in ("ETCD_ASG_CLUSTER=red", *lines)))


class ImageSettings(Seen):
    def test_a_proxy_of_the_image_reaches_neither_etcd_nor_aws(self):
        for more in (
            FIELD_PROXY,
            {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
            {"ALL_PROXY": "socks5://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9"},
        ):
            with self.subTest(more):
                before = dict(self.machine.variables)
                self.machine.variables.update(more)
                seen = self.etcd_sees()
                self.assertEqual([name for name in seen if name.lower().endswith("_proxy")], [])
                self.machine.variables = before

    def test_what_else_an_image_may_set(self):
        self.machine.variables.update({
            "SSL_CERT_FILE": "/none", "SSL_CERT_DIR": "/none", "CURL_CA_BUNDLE": "/none", "CURL_HOME": str(self.machine.root),
            "LD_LIBRARY_PATH": "/none", "GODEBUG": "http2client=0", "GOMAXPROCS": "1", "GOGC": "1",
            "ETCD_LOG_LEVEL": "error", "ETCDCTL_ENDPOINTS": "http://127.0.0.1:9", "AWS_PROFILE": "other",
        })
        seen = self.etcd_sees()
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "LD_LIBRARY_PATH", "GODEBUG", "GOMAXPROCS", "GOGC", "ETCDCTL_ENDPOINTS"):
            self.assertNotIn(name, seen)
        self.assertEqual([name for name in seen if name.startswith(("AWS_", "ETCD_LOG"))], [])

    def test_a_curlrc_of_the_image_is_not_read(self):
        (self.machine.root / ".curlrc").write_text('proxy = "http://127.0.0.1:9"\nnoproxy = ""\nurl = "http://127.0.0.1:9/"\n')
        self.machine.variables.update({"HOME": str(self.machine.root), "CURL_HOME": str(self.machine.root)})
        self.assertIn("ETCD_NAME", self.etcd_sees())

    def test_nothing_of_the_image_runs_inside_the_script(self):
        trap, file = self.machine.root / "trap", self.machine.root / "bash_env"
        file.write_text(f"touch {trap}\n")
        self.machine.variables.update({
            "BASH_ENV": str(file), "ENV": str(file), "BASH_FUNC_curl%%": f"() {{ touch {trap}; }}",
            "SHELLOPTS": "errexit", "SECONDS": "1000", "IFS": "/", "region": "x", "domain": "x", "instance": "i-0", "author": "x", "CDPATH": "/", "GLOBIGNORE": "*",
        })
        self.etcd_sees()
        self.assertFalse(trap.exists())

    def test_where_only_the_proxy_of_the_image_leads_to_aws_it_is_said(self):
        self.machine.variables["https_proxy"] = "http://127.0.0.1:9"
        self.machine.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        _, said = self.machine.prepare()
        self.assertIn("https_proxy of the environment is not used: set HTTPS_PROXY in the configuration file", said)


class OnPurpose(Seen):
    def test_a_proxy_in_the_configuration_file_is_for_aws_alone(self):
        proxy = Cloud()  # It answers as a proxy does: curl sends the whole URL in the request line.
        self.addCleanup(proxy.close)
        self.configure(f"HTTP_PROXY={proxy.endpoint}")
        self.machine.variables["AWS_ENDPOINT_URL"] = "http://ssm.nowhere.invalid"
        process = self.machine.start("prepare")
        _, said = self.machine.finish(process)
        self.assertNotIn("Could not resolve host: ssm.nowhere.invalid", said)
        self.assertTrue(proxy.bad_signatures or proxy.reads, said)
        self.machine.variables["AWS_ENDPOINT_URL"] = self.cloud.endpoint
        self.configure(f"HTTP_PROXY={proxy.endpoint}", "NO_PROXY=127.0.0.1")
        seen = self.etcd_sees()
        self.assertEqual([name for name in seen if name.lower().endswith("_proxy")], [])

    def test_settings_of_go_reach_etcd(self):
        self.configure("GOMAXPROCS=2", "GODEBUG=madvdontneed=1", "GOGC=50", "GOMEMLIMIT=1GiB")
        seen = self.etcd_sees()
        for name, value in (("GOMAXPROCS", "2"), ("GODEBUG", "madvdontneed=1"), ("GOGC", "50"), ("GOMEMLIMIT", "1GiB")):
            self.assertEqual(seen[name], value)

    def test_other_names_are_still_refused(self):
        for line in ("LD_PRELOAD=/x.so", "PATH=/x", "ALL_PROXY=x", "https_proxy=x", "SSL_CERT_FILE=/x", "GOPATH_X=1"):
            with self.subTest(line):
                self.configure(line)
                self.assert_refused(78, "line 2 is not a known setting")


class UnsupportedArchitecture(Seen):
    """etcd 3.4 on arm64 tells nothing, not even its version, without ETCD_UNSUPPORTED_ARCH."""

    def wrapper(self):
        path = self.machine.bin / "etcd"
        path.write_text(
            "#!/bin/bash\n"
            'if [[ -z ${ETCD_UNSUPPORTED_ARCH:-} ]]; then\n'
            '  echo "etcd on unsupported platform without ETCD_UNSUPPORTED_ARCH=arm64 set" >&2\n  exit 1\nfi\n'
            'if [[ ${1:-} == --version ]]; then echo "etcd Version: 3.4.23"; exit; fi\n'
            f"env > {self.machine.root}/seen; exit 1\n"
        )

    def test_the_setting_reaches_etcd_for_its_version_too(self):
        self.configure("ETCD_UNSUPPORTED_ARCH=arm64")
        self.wrapper()
        self.put_env(ETCD_ASG_MINORS="3.4")
        self.assertEqual(self.machine.prepare(), (0, ""))
        self.machine.run()
        self.assertIn("ETCD_UNSUPPORTED_ARCH=arm64\n", (self.machine.root / "seen").read_text())

    def test_without_the_setting_the_refusal_has_etcds_own_words(self):
        self.wrapper()
        status, said = self.machine.start_unit()
        self.assertEqual(status, 78, said)
        self.assertIn("etcd on unsupported platform without ETCD_UNSUPPORTED_ARCH=arm64 set; correct the source", said)
        self.assertEqual(self.cloud.reads, [], "it is refused before it waits for its turn")

    def test_an_etcd_that_cannot_run_here(self):
        (self.machine.bin / "etcd").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 60)
        status, said = self.machine.start_unit()
        self.assertEqual(status, 78, said)
        self.assertIn("there is no working etcd on PATH", said)


class Carried(Seen):
    """What a line of settings cannot carry is refused with its name and the reason."""

    def test_a_group_with_a_character_that_no_setting_can_have(self):
        for group, character in (("it's", "'"), ('my"group', '"'), ("a\\b", "\\"), ("a$b", "$"), ("a`b", "`")):
            with self.subTest(group):
                self.put_env(ETCD_ASG_GROUP=group)
                said = self.assert_refused(80, f"sets ETCD_ASG_GROUP to a value with the character {character}")
                self.assertIn("line 13", said)

    def test_a_region_that_is_none(self):
        for region in ("EU Central", "eu-central-1/../x", "EU-CENTRAL-1"):
            with self.subTest(region):
                self.machine.variables["AWS_REGION"] = region
                self.assert_refused(78, f"AWS_REGION is '{region}'")


class Curl(Seen):
    def curl(self, version):
        path = self.machine.bin / "curl"
        path.write_text(f'#!/bin/bash\n[ "$1" = --version ] && {{ echo "curl {version} (x86_64) libcurl"; exit; }}\nexec /usr/bin/curl "$@"\n')
        path.chmod(0o755)

    def test_a_curl_that_is_too_old_is_refused(self):
        for version in ("7.74.0", "7.81.0", "7.87.0", "6.99.1"):
            with self.subTest(version):
                self.curl(version)
                self.assert_refused(78, f"curl is {version.rpartition('.')[0]}, and it must be 7.88 or newer")

    def test_newer_ones_are_taken(self):
        for version in ("7.88.1", "8.3.0", "8.14.1-DEV", "10.0"):
            with self.subTest(version):
                self.curl(version)
                self.etcd_sees()


if __name__ == "__main__":
    unittest.main()
