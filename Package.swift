// swift-tools-version: 6.2
// One root package. A target's layer is its folder: Formats, Cores, Engines, Shells, Services,
// Testing, Executables. What a layer may import is written in docs/architecture.md and checked by
// Tests/ArchitectureTests and by `--explicit-target-dependency-import-check error`.

import PackageDescription

let package = Package(
    name: "apus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "ApusClient", targets: ["ApusClient"]),
        .library(name: "ApusTesting", targets: ["ApusTesting"]),
        .executable(name: "apus", targets: ["apus"]),
        .executable(name: "apus-namesrv", targets: ["apus-namesrv"]),
        .executable(name: "apus-broker", targets: ["apus-broker"]),
        .executable(name: "apus-controller", targets: ["apus-controller"]),
        .executable(name: "apus-lab", targets: ["apus-lab"]),
        .executable(name: "apus-simulate", targets: ["apus-simulate"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // Formats: values and their bytes.
        .target(name: "CChecksum", path: "Sources/Formats/CChecksum"),
        .format("MessageFormat", ["CChecksum"]),
        .format("RemotingProtocol", ["MessageFormat", .nioCore]),
        .format("ReplicationProtocol", ["MessageFormat"]),
        .format("MetricsFormat", []),
        .format("ConfigurationFormat", []),

        // Cores: pure state machines. Input in, effects out.
        .core("RoutingCore"),
        .core("LogCore"),
        .core("DeliveryCore"),
        .core("FilterCore"),
        .core("ClientCore"),
        .core("Raft"),
        .core("ControllerCore"),
        .core("ReplicationCore"),

        // Engines: the cores of one process wired together, still pure.
        .engine("NameServerEngine", cores: ["RoutingCore"]),
        .engine(
            "BrokerEngine",
            cores: [
                "LogCore", "DeliveryCore", "FilterCore", "ReplicationCore", "ReplicationProtocol",
                "MetricsFormat",
            ]),
        .engine("ControllerEngine", cores: ["Raft", "ControllerCore"]),
        .engine("ClientEngine", cores: ["ClientCore"]),

        // Shells: sockets, files, time.
        .shell("Listening", [.nioCore, .nioPosix, .logging]),
        .shell(
            "RemotingTransport",
            ["Listening", "RemotingProtocol", .nioCore, .nioPosix, .logging]),
        .shell("Storage", [.logging]),
        .shell("ConfigurationSources", ["ConfigurationFormat"]),
        .shell("Compression", []),
        .shell(
            "PeerTransport",
            ["Listening", "ReplicationProtocol", .nioCore, .nioPosix, .logging]),
        .shell(
            "Monitoring",
            [
                "Listening", "MetricsFormat", "ConfigurationFormat", .nioCore, .nioPosix,
                .nioHTTP1, .logging,
            ]),

        // Services: one engine and its shells, ready to run.
        .service(
            "NameServer",
            [
                "NameServerEngine", "RemotingTransport", "Monitoring", "MetricsFormat",
                "ConfigurationFormat",
            ]),
        .service(
            "Broker",
            [
                "BrokerEngine", "LogCore", "ReplicationProtocol", "RemotingTransport",
                "PeerTransport", "Storage", "Monitoring", "Listening", "MetricsFormat",
                "ConfigurationFormat",
            ]),
        .service(
            "Controller",
            [
                "ControllerEngine", "ControllerCore", "Raft", "ReplicationProtocol",
                "RemotingTransport", "PeerTransport", "Storage", "Monitoring", "MetricsFormat",
                "ConfigurationFormat",
            ]),
        .service("ApusClient", ["ClientEngine", "ClientCore", "RemotingTransport", "Compression"]),

        // Testing: worlds to run clusters in, and the checkers of their histories.
        .testing(
            "Chaos",
            [
                "ApusClient", "RemotingTransport", "RemotingProtocol", "MessageFormat", .nioCore,
                .nioPosix, .logging,
            ]),
        .testing(
            "ClusterLab",
            [
                "ApusClient", "Chaos", "MessageFormat", "RemotingProtocol", .nioPosix, .logging,
            ]),
        .testing(
            "Simulation",
            [
                "BrokerEngine", "ControllerEngine", "NameServerEngine", "ClientEngine", "LogCore",
                "DeliveryCore", "ReplicationCore", "ControllerCore", "Raft", "RoutingCore",
                "ClientCore", "ReplicationProtocol", "RemotingProtocol", "MessageFormat", .nioCore,
            ]),
        .testing(
            "ApusTesting",
            [
                "ApusClient", "BrokerEngine", "NameServerEngine", "ClientEngine", "LogCore",
                "DeliveryCore", "RemotingTransport", "RemotingProtocol", "MessageFormat", .nioCore,
                .nioPosix, .logging,
            ]),

        .testing(
            "HostileBytes", ["ClientEngine", "RemotingProtocol", "MessageFormat", .nioCore]),
        .testing(
            "HostileInput",
            [
                "HostileBytes",
                "BrokerEngine", "ControllerEngine", "NameServerEngine", "ClientEngine", "LogCore",
                "DeliveryCore", "FilterCore", "ControllerCore", "Raft", "RoutingCore",
                "PeerTransport", "Compression", "ReplicationProtocol", "RemotingProtocol",
                "MessageFormat", .nioCore,
            ]),

        // Executables: parse arguments, build a service, run it.
        .layer(
            "Executables", "ServerCommand",
            ["ConfigurationFormat", "ConfigurationSources", .arguments, .logging]),
        .executable("apus-namesrv", ["NameServer", "ServerCommand", "ConfigurationFormat"]),
        .executable("apus-broker", ["Broker", "ServerCommand", "ConfigurationFormat"]),
        .executable("apus-controller", ["Controller", "ServerCommand", "ConfigurationFormat"]),
        .executable("apus-simulate", ["Simulation"]),
        .executable(
            "apus",
            [
                "ApusClient", "Broker", "Chaos", "Compression", "RemotingTransport",
                "RemotingProtocol", "Storage", "MessageFormat", .nioCore, .nioPosix,
            ]),
        .executable("apus-lab", ["ClusterLab", "Chaos", "ApusClient", "MessageFormat"]),

        // Tests mirror Sources.
        .target(
            name: "TestSupport", dependencies: [.logging], path: "Tests/TestSupport",
            swiftSettings: .strict),
        .tests("MessageFormat"),
        .tests("RemotingProtocol", ["MessageFormat", .nioCore]),
        .tests("RoutingCore", ["MessageFormat"]),
        .tests("LogCore", ["MessageFormat"]),
        .tests("DeliveryCore", ["MessageFormat"]),
        .tests("FilterCore", ["MessageFormat"]),
        .tests("ClientCore", ["MessageFormat"]),
        .tests("NameServerEngine", ["RoutingCore", "RemotingProtocol", "MessageFormat"]),
        .tests("ReplicationProtocol", ["MessageFormat"]),
        .tests("MetricsFormat", ["Chaos"]),
        .tests("ConfigurationFormat"),
        .tests("Listening", [.nioCore, .nioPosix, .logging]),
        .tests("Monitoring", ["MetricsFormat", .nioCore, .nioPosix, .logging]),
        .tests("Raft", ["MessageFormat"]),
        .tests("ControllerCore", ["MessageFormat"]),
        .tests("ReplicationCore", ["MessageFormat"]),
        .tests(
            "ControllerEngine",
            ["ControllerCore", "Raft", "RemotingProtocol", "MessageFormat", .nioCore]),
        .tests(
            "PeerTransport",
            ["ReplicationProtocol", "MessageFormat", .nioCore, .nioPosix, .logging]),
        .tests("Simulation", ["BrokerEngine", "LogCore", "MessageFormat", .nioCore]),
        .tests(
            "BrokerEngine",
            [
                "LogCore", "DeliveryCore", "ReplicationCore", "ReplicationProtocol",
                "RemotingProtocol", "MessageFormat", "MetricsFormat",
            ]),
        .tests("ClientEngine", ["ClientCore", "RemotingProtocol", "MessageFormat"]),
        .tests("ApusClient", ["ClientEngine", "RemotingProtocol", "MessageFormat"]),
        .tests(
            "RemotingTransport",
            ["RemotingProtocol", "MessageFormat", .nioCore, .nioEmbedded, .nioPosix, .logging]),
        .tests("Storage", ["MessageFormat"]),
        .tests("Compression", ["MessageFormat"]),
        .tests("Chaos", ["RemotingProtocol", "RemotingTransport", "MessageFormat"]),
        .tests("ApusTesting", ["ApusClient"]),
        .tests("HostileInput", ["HostileBytes", "RemotingProtocol", "MessageFormat"]),
        .tests(
            "apus",
            ["Chaos", "RemotingProtocol", "MessageFormat", .arguments, .nioCore, .nioPosix]),
        .tests("ClusterLab", ["Chaos", "MessageFormat"]),
        .testTarget(name: "ArchitectureTests", swiftSettings: .strict),

        // What docs/examples shows is compiled and run.
        .target(
            name: "Examples", dependencies: ["ApusClient"], path: "docs/examples",
            exclude: ["README.md", "Tests"], swiftSettings: .strict),
        .testTarget(
            name: "ExampleTests",
            dependencies: ["Examples", "ApusClient", "ApusTesting", "TestSupport"],
            path: "docs/examples/Tests", swiftSettings: .strict),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "TestSupport", "NameServer", "Broker", "Controller", "ApusClient", "Chaos",
                "ConfigurationFormat", "ConfigurationSources", "RemotingTransport",
                "PeerTransport", "Storage", "Monitoring", "BrokerEngine", "DeliveryCore",
                "LogCore", "RemotingProtocol", "ReplicationProtocol", "MessageFormat", .nioCore,
                .nioPosix, .logging,
            ],
            swiftSettings: .strict),
    ],
    swiftLanguageModes: [.v6]
)

// cluster/launch asks for it: what runs, without what only tests and programmers need.
if Context.environment["APUS_EXECUTABLES_ONLY"] != nil {
    var needed = Set(package.targets.filter { $0.type == .executable }.map(\.name))
    // A target stands behind those that it needs.
    for target in package.targets.reversed() where needed.contains(target.name) {
        for case .byNameItem(let name, _) in target.dependencies { needed.insert(name) }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    package.products.removeAll { !needed.contains($0.name) }
}

// Tests/Fuzzing/run asks for it: the same sources, instrumented, and libraries for libFuzzer.
if Context.environment["APUS_FUZZING"] != nil {
    let instrumented = SwiftSetting.unsafeFlags([
        "-sanitize=fuzzer,address", "-assert-config", "Debug",
    ])
    for (targets, module) in [("All", "HostileInput"), ("Decoders", "HostileBytes")] {
        let name = "FuzzingOf\(targets)"
        package.targets.append(
            .target(
                name: name, dependencies: [.target(name: module), "HostileBytes"],
                path: "Tests/Fuzzing/DriverOf\(targets)", swiftSettings: .strict))
        package.products.append(.library(name: name, type: .static, targets: [name]))
    }
    for target in package.targets { target.swiftSettings?.append(instrumented) }
}

extension [SwiftSetting] {
    /// The settings of every Swift target. Computed: a stored global would still be empty where the
    /// package above asks for it.
    static var strict: Self {
        [
            .swiftLanguageMode(.v6),
            .treatAllWarnings(as: .error),
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
        ]
    }
}

extension Target.Dependency {
    static var nioCore: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioEmbedded: Self { .product(name: "NIOEmbedded", package: "swift-nio") }
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var deque: Self { .product(name: "DequeModule", package: "swift-collections") }
    static var heap: Self { .product(name: "HeapModule", package: "swift-collections") }
    static var arguments: Self {
        .product(name: "ArgumentParser", package: "swift-argument-parser")
    }
    static var lifecycle: Self {
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    }
    static var signals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
}

extension Target {
    static func layer(_ layer: String, _ name: String, _ dependencies: [Dependency]) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Sources/\(layer)/\(name)",
            swiftSettings: .strict)
    }
    static func format(_ name: String, _ more: [Dependency]) -> Target {
        .layer("Formats", name, more)
    }
    static func core(_ name: String) -> Target {
        .layer("Cores", name, ["MessageFormat", .deque, .heap])
    }
    static func engine(_ name: String, cores: [String]) -> Target {
        let cores = cores.map { Dependency(stringLiteral: $0) }
        return .layer(
            "Engines", name,
            cores + ["RemotingProtocol", "MessageFormat", .deque, .heap])
    }
    static func shell(_ name: String, _ more: [Dependency]) -> Target {
        .layer("Shells", name, ["MessageFormat"] + more)
    }
    static func service(_ name: String, _ more: [Dependency]) -> Target {
        .layer(
            "Services", name,
            more + [
                "RemotingProtocol", "MessageFormat", .nioCore, .nioPosix, .logging, .lifecycle,
            ])
    }
    static func testing(_ name: String, _ more: [Dependency]) -> Target {
        .layer("Testing", name, more)
    }
    static func executable(_ name: String, _ more: [Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: more + [.arguments, .logging, .lifecycle, .signals],
            path: "Sources/Executables/\(name)", swiftSettings: .strict)
    }
    static func tests(_ name: String, _ more: [Dependency] = []) -> Target {
        .testTarget(
            name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + more,
            swiftSettings: .strict)
    }
}
