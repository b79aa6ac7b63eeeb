# shellcheck shell=bash
# Reads settings and JSON, and writes files that survive a power cut.

# After a power cut, a reader finds the whole file or no file.
write_synced() {
  if ! { cat >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1" && sync "$(dirname "$1")"; }; then
    again "cannot write $1: is the disk full or read-only? Trying again"
  fi
}

# read_settings FILE ARRAY KEY-PATTERN: fills the array from KEY=value lines; on a wrong line sets `problem` and fails.
# Comments, blank lines and one pair of double quotes around a value are allowed, as in systemd's EnvironmentFile.
# A value must not contain a quote, an apostrophe, a backslash, a dollar sign, a backquote or anything beyond ASCII.
read_settings() {
  local -n into=$2
  local line name value shown number=0
  local key_value="^($3)=(.*)\$" quoted='^"([^"]*)"$' plain='^[]!#%&()*+,./0-9:;<=>?@A-Z[^_a-z{|}~ -]*$'
  into=() problem=
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    [[ -z $line || $line == '#'* ]] && continue
    # A refusal goes to the console, so characters that cannot be printed are replaced.
    shown=${line:0:80} shown=${shown//[^ -~]/?}
    if [[ ! $line =~ $key_value ]]; then
      problem="line $number is not a known setting: '$shown'"
      return 1
    fi
    name=${BASH_REMATCH[1]} value=${BASH_REMATCH[-1]}
    [[ $value =~ $quoted ]] && value=${BASH_REMATCH[1]}
    if [[ ! $value =~ $plain ]]; then
      line=${value//[]!#%&()*+,.\/0-9:;<=>?@A-Z[^_a-z{|\}~ -]/} line=${line:0:1}
      problem="line $number sets ${name:0:80} to a value with the character ${line//[^ -~]/beyond ASCII}, which a line of settings cannot carry: '$shown'"
      return 1
    fi
    if [[ -n ${into[$name]+set} ]]; then
      problem="line $number sets ${name:0:80} a second time"
      return 1
    fi
    # shellcheck disable=SC2004  # an associative array: the name is its key
    into[$name]=$value
  done <"$1"
}

# json_string KEY: prints the first string under KEY in the JSON on standard input. Escapes beyond ASCII stay as they
# are: the strings that this script needs are ASCII, and read_settings refuses a backslash.
json_string() {
  awk -v wanted="$1" '
    function unescaped(hex,    i, code) {
      for (i = 1; i <= 4; i++) code = code * 16 + index("0123456789abcdef", tolower(substr(hex, i, 1))) - 1
      return code > 0 && code < 128 ? sprintf("%c", code) : "\\u" hex
    }
    function read_string(    out, c) {
      for (at++; at <= length(text); at++) {
        c = substr(text, at, 1)
        if (c == "\"") { at++; return out }
        if (c == "\\") {
          c = substr(text, ++at, 1)
          if (c == "u") { c = unescaped(substr(text, at + 1, 4)); at += 4 }
          else if (c in escapes) c = escapes[c]
        }
        out = out c
      }
      exit 1
    }
    function skip_space() { while (substr(text, at, 1) ~ /[ \t\r\n]/) at++ }
    BEGIN { escapes["n"] = "\n"; escapes["t"] = "\t"; escapes["r"] = "\r"; escapes["b"] = "\b"; escapes["f"] = "\f" }
    { text = text $0 "\n" }
    END {
      at = 1
      while (at <= length(text)) {
        if (substr(text, at, 1) != "\"") { at++; continue }
        key = read_string(); skip_space()
        if (substr(text, at, 1) != ":") continue
        at++; skip_space()
        if (substr(text, at, 1) != "\"") continue
        value = read_string()
        if (key == wanted) { printf "%s", value; exit 0 }
      }
      exit 1
    }'
}
