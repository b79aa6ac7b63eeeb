//! The directives that the local region leaves out knowingly: none of them changes when a program runs, what it is
//! given, or what its end means.

const UNIT: [&str; 8] = [
    "Description",
    "Documentation",
    "After",
    "Before",
    "Wants",
    "Requires",
    "DefaultDependencies",
    "OnFailure",
];

const SERVICE: [&str; 55] = [
    // Whose processes they are: here always the region's own user.
    "User",
    "Group",
    "DynamicUser",
    "SupplementaryGroups",
    "UMask",
    // Where output goes: here always the instance's console.
    "StandardInput",
    "StandardOutput",
    "StandardError",
    "SyslogIdentifier",
    "LogRateLimitBurst",
    "LogRateLimitIntervalSec",
    // Resources.
    "LimitNOFILE",
    "LimitNPROC",
    "LimitCORE",
    "LimitMEMLOCK",
    "Nice",
    "OOMScoreAdjust",
    "OOMPolicy",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "IOWeight",
    "CPUWeight",
    "MemoryMin",
    "MemoryLow",
    "MemoryMax",
    "TasksMax",
    "Slice",
    // Modes of the directories that are made.
    "RuntimeDirectoryMode",
    "StateDirectoryMode",
    "ConfigurationDirectoryMode",
    // Sandboxing.
    "NoNewPrivileges",
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "ProtectSystem",
    "ProtectHome",
    "ProtectProc",
    "ProtectClock",
    "ProtectHostname",
    "ProtectControlGroups",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "PrivateTmp",
    "PrivateDevices",
    "ProcSubset",
    "ReadWritePaths",
    "RemoveIPC",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "SystemCallFilter",
    "SystemCallArchitectures",
];

/// Whether a directive is left out.
pub(super) fn knowingly_ignored(section: &str, name: &str) -> bool {
    match section {
        "Unit" => UNIT.contains(&name),
        "Service" => SERVICE.contains(&name),
        "Install" => true,
        _ => false,
    }
}
