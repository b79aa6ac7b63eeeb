//! The directives of a unit that the local region ignores. Ignoring them changes neither when a program runs,
//! nor its arguments and environment, nor what its end means.

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
    // The user of the processes: here always the region's own user.
    "User",
    "Group",
    "DynamicUser",
    "SupplementaryGroups",
    "UMask",
    // The output: here it always goes to the instance's console.
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

/// Whether the region ignores a directive.
pub(super) fn knowingly_ignored(section: &str, name: &str) -> bool {
    match section {
        "Unit" => UNIT.contains(&name),
        "Service" => SERVICE.contains(&name),
        "Install" => true,
        _ => false,
    }
}
