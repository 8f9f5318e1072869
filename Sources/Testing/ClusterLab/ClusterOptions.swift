/// What a user asks for when a cluster is brought up.
package struct ClusterOptions: Hashable, Codable, Sendable {
    package enum Flush: String, Hashable, Codable, Sendable, CaseIterable {
        case sync
        case async
    }

    /// The cluster's directory under `cluster/run`, so two of them can stand side by side.
    package var name = "default"
    package var nameServers = 1
    package var groups = 2
    /// None: each group is one broker, its master for ever.
    package var controllers = 0
    /// Brokers of each group.
    package var replicas = 1
    /// Added to every port.
    package var portOffset = 0
    /// Where the brokers keep their logs; nil: beside the cluster's other files.
    package var dataDirectory: String?
    package var flush = Flush.sync
    /// The brokers of the first group get disks of so many mebibytes, and small segments.
    package var diskMebibytes: Int?
    /// A library that is preloaded into brokers and controllers and moves their wall clocks.
    package var clockLibrary: String?
    /// Further lines for the brokers' configuration files.
    package var brokerSettings: [String: String]?
    /// Variables of a broker's process, as `NAME=value`, by its name.
    package var brokerEnvironment: [String: [String]]?
    /// Names the network that the nodes live in; nil: the machine's loopback.
    package var network: String?

    package init() {}

    package static let nameServersAllowed = 1...8
    /// Their names are the letters of the alphabet.
    package static let groupsAllowed = 1...26
    package static let controllersAllowed = 0...7
    package static let replicasAllowed = 1...9
    package static let portOffsetsAllowed = 0...50_000

    package func validate() throws {
        try Self.validate(name: self.name)
        try self.check(self.nameServers, in: Self.nameServersAllowed, "--name-servers")
        try self.check(self.groups, in: Self.groupsAllowed, "--groups")
        try self.check(self.controllers, in: Self.controllersAllowed, "--controllers")
        try self.check(self.replicas, in: Self.replicasAllowed, "--replicas")
        guard self.replicas == 1 || self.controllers > 0 else {
            throw LabError.usage(
                "--replicas \(self.replicas) needs controllers, who say which broker is master")
        }
        try self.check(self.portOffset, in: Self.portOffsetsAllowed, "--port-offset")
    }

    /// The name becomes a directory, so it must not leave `cluster/run`.
    package static func validate(name: String) throws {
        let isHarmless = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isHarmless, (1...40).contains(name.utf8.count) else {
            throw LabError.usage(
                "a cluster's name is 1 to 40 letters, digits, dashes or underscores, got '\(name)'")
        }
    }

    private func check(_ value: Int, in allowed: ClosedRange<Int>, _ option: String) throws {
        guard allowed.contains(value) else {
            throw LabError.usage(
                "\(option) is \(allowed.lowerBound) to \(allowed.upperBound), got \(value)")
        }
    }
}
