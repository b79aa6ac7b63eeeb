"""What the script reads is data: it is parsed strictly, unescaped correctly, and a wrong configuration is refused."""

import json
import subprocess
import unittest

from machine import PARAMETER, REPOSITORY, Case, environment

FILES = REPOSITORY / "instance" / "lib" / "files.sh"


def json_string(key, text):
    """Calls the script's own json_string; returns its status and output."""
    done = subprocess.run(
        ["bash", "-c", f'source "{FILES}"; json_string "$1"', "-", key],
        input=text.encode(), capture_output=True, check=False, timeout=30,
    )
    return done.returncode, done.stdout.decode()


class Json(unittest.TestCase):
    def test_every_escape_is_undone(self):
        value = 'A="1"\\2\n\tB=/\b\f\r='
        for ascii_only in (json.dumps({"Value": value}), json.dumps({"Value": value}).replace("=", "\\u003D")):
            self.assertEqual(json_string("Value", ascii_only), (0, value))

    def test_solidus_and_odd_spacing(self):
        self.assertEqual(json_string("Value", '{ "Value"\n :\t"a\\/b" }'), (0, "a/b"))

    def test_a_key_inside_a_string_is_not_a_key(self):
        text = json.dumps({"Name": '"Value":"wrong"', "List": ["Value", "wrong"], "Value": "right"})
        self.assertEqual(json_string("Value", text), (0, "right"))

    def test_a_value_that_names_its_key(self):
        self.assertEqual(json_string("Value", json.dumps({"Type": "Value", "Value": "x"})), (0, "x"))

    def test_numbers_and_absence_are_not_strings(self):
        self.assertEqual(json_string("Version", '{"Version":1,"Value":"x"}')[0], 1)
        self.assertEqual(json_string("Value", "{}")[0], 1)

    def test_a_cut_answer_is_no_answer(self):
        self.assertEqual(json_string("Value", '{"Value":"a=b'), (1, ""))

    def test_what_is_not_ascii_stays_escaped(self):
        self.assertEqual(json_string("Value", '{"Value":"\\u00e9\\u0000"}'), (0, "\\u00e9\\u0000"))

    def test_a_parameter_of_the_greatest_size(self):
        value = "\n".join(f"ETCD_X{n}=http://127.0.0.{n}:2380" for n in range(240))[:8192]
        self.assertEqual(json_string("Value", json.dumps({"Parameter": {"Value": value}})), (0, value))


class Parameter(Case):
    def refused(self, *words):
        return self.assert_refused(80, *words)

    def test_nothing_in_it_is_ever_run(self):
        trap = self.machine.root / "trap"
        for line in (
            f"ETCD_X=$(touch {trap})",
            f"ETCD_X=`touch {trap}`",
            f"ETCD_X=a; touch {trap} #'",
            f"touch {trap}",
            f"ETCD_ASG_GENERATION=a[$(touch {trap})]",
            f"PATH={self.machine.root}",
            "LD_PRELOAD=/x.so",
            'ETCD_X="a" "b"',
            "ETCD_X=a\\nb",
            "ETCD_X=\u00e9",
            "export ETCD_X=1",
            " ETCD_X=1",
            "ETCD_X",
        ):
            with self.subTest(line):
                key = line.split("=")[0]
                rest = "".join(part + "\n" for part in environment().splitlines() if not part.startswith(key + "="))
                self.cloud.put_parameter(PARAMETER, rest + line + "\n")
                if line.startswith("ETCD_X=a; "):
                    # The line has a semicolon and an apostrophe; the apostrophe is what is refused.
                    self.refused("to a value with the character ', which a line of settings cannot carry")
                else:
                    self.refused()
                self.assertFalse(trap.exists())

    def test_each_required_line_is_missed(self):
        for name in ("ETCD_NAME", "ETCD_INITIAL_CLUSTER", "ETCD_LISTEN_CLIENT_URLS", "ETCD_ASG_DATA", "ETCD_ASG_GENERATION"):
            with self.subTest(name):
                self.put_env(**{name: None})
                self.refused(name)

    def test_a_key_twice(self):
        self.cloud.put_parameter(PARAMETER, environment() + "ETCD_NAME=other\n")
        self.refused("sets ETCD_NAME a second time", PARAMETER)

    def test_a_key_twice_whose_name_is_longer_than_a_sentence(self):
        # The parameter fuzzing found this with seed 24: the refusal was as long as the name.
        self.cloud.put_parameter(PARAMETER, environment() + f"ETCD_{'A' * 3000}=1\n" * 2)
        refusal = self.refused(f"sets ETCD_{'A' * 75} a second time", PARAMETER)
        self.assertLess(len(refusal), 500)

    def test_an_unknown_format(self):
        self.put_env(ETCD_ASG_FORMAT="2")
        self.refused("format '2'", "install the boot script")

    def test_a_parameter_of_another_instance_or_cluster(self):
        self.put_env(ETCD_NAME="i-0fedcba9876543210")
        self.refused("meant for member i-0fedcba9876543210")
        self.put_env(ETCD_ASG_CLUSTER="blue")
        self.refused("of cluster blue")

    def test_a_data_directory_chosen_from_outside(self):
        self.put_env(ETCD_DATA_DIR="/elsewhere")
        self.refused("ETCD_DATA_DIR")

    def test_a_group_may_be_named_as_auto_scaling_allows(self):
        self.put_env(ETCD_ASG_GROUP="my group (prod) & more #1 [x]{y}^~|<z>?*!;,:@%+-_=")
        self.assertEqual(self.machine.prepare(), (0, ""))

    def test_comments_blank_lines_and_quotes_are_read_as_systemd_reads_them(self):
        self.cloud.put_parameter(PARAMETER, "# written by the controller\n\n" + environment(ETCD_ASG_MINORS='"3.5 3.6"'))
        self.assertEqual(self.machine.prepare(), (0, ""))


class Configuration(Case):
    def test_each_mistake_has_its_sentence(self):
        config = self.machine.root / "config"
        for text, word in (
            ("", "ETCD_ASG_CLUSTER is ''"),
            ("ETCD_ASG_CLUSTER=re d\n", "ETCD_ASG_CLUSTER is 're d'"),
            ("ETCD_ASG_CLUSTER=red\nETCD_ASG_PREFIX=etcd\n", "ETCD_ASG_PREFIX is 'etcd'"),
            ("ETCD_ASG_CLUSTER=red\nPATH=/x\n", "line 2"),
            ("ETCD_ASG_CLUSTER=$(id)\n", "line 1"),
        ):
            with self.subTest(text):
                config.write_text(text)
                self.assert_refused(78, word)

    def test_the_environment_comes_before_the_file(self):
        self.machine.variables["ETCD_ASG_PREFIX"] = "/other"
        self.cloud.put_parameter(PARAMETER.replace("/etcd-asg", "/other"), environment())
        self.assertEqual(self.machine.prepare(), (0, ""))

    def test_a_wrong_call(self):
        for command in ("", "start", "--help"):
            status, said = self.machine.finish(self.machine.start(command))
            self.assertEqual(status, 64)
            self.assertIn("usage", said)


if __name__ == "__main__":
    unittest.main()
