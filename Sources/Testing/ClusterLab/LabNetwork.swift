import Glibc

/// A network of its own for one cluster: each node in a network namespace with one cable to a
/// common switch, where packets between any two places can be dropped unseen by either.
///
/// Two more places are there for the workload's clients and for the lab itself, so that clients can
/// be cut off while the lab still sees everything.
package struct LabNetwork: Hashable, Sendable {
    /// Part of every namespace's name, so that two runs do not meet.
    package let id: String

    package static let clients = "clients"
    package static let lab = "lab"
    private static let placesMax = 250
    private static let directory = "/run/netns"

    package init(id: String) { self.id = id }

    /// The address of a node, by its place in the plan.
    static func address(_ place: Int) -> String { "10.77.0.\(place + 1)" }

    private var prefix: String { "apus-\(self.id)-" }
    private func namespace(_ place: String) -> String { self.prefix + place }
    private var switchName: String { self.namespace("switch") }

    /// The file that stands for a place's network.
    func file(of place: String) -> String { "\(Self.directory)/\(self.namespace(place))" }

    /// Why networks cannot be made here; nil if they can.
    package static func obstacle() -> String? {
        guard geteuid() == 0 else { return "network namespaces need root" }
        for tool in ["ip", "nft", "nsenter"] where Command.path(of: tool) == nil {
            return "the program \(tool) is missing"
        }
        let probe = LabNetwork(id: "probe\(getpid())")
        do {
            try probe.make(nodes: ["one"])
            try probe.delete()
            return nil
        } catch {
            try? probe.delete()
            return "\(error)"
        }
    }

    /// Makes the switch and the places, the nodes' in the order of their addresses.
    package func make(nodes: [String]) throws {
        guard nodes.count + 2 < Self.placesMax else {
            throw LabError.usage("a network has room for \(Self.placesMax - 2) nodes")
        }
        try Command.run("ip", "netns", "add", self.switchName)
        try Command.run("ip", "-n", self.switchName, "link", "add", "br0", "type", "bridge")
        try Command.run("ip", "-n", self.switchName, "link", "set", "br0", "up")
        for (index, node) in nodes.enumerated() {
            try self.add(node, address: Self.address(index))
        }
        try self.add(Self.clients, address: Self.address(Self.placesMax))
        try self.add(Self.lab, address: Self.address(Self.placesMax + 1))
        try self.filter("add table bridge chaos")
        try self.filter("add set bridge chaos cut { type ifname . ifname; }")
        try self.filter(
            "add chain bridge chaos pass { type filter hook forward priority 0; policy accept; }")
        try self.filter("add rule bridge chaos pass iifname . oifname @cut counter drop")
    }

    /// Adds a place and its cable. The cable's end at the switch has a number for its name, as
    /// names of interfaces are short.
    package func add(_ place: String, address: String) throws {
        let name = self.namespace(place)
        let port = Self.port(address)
        try Command.run("ip", "netns", "add", name)
        try Command.run("ip", "-n", name, "link", "set", "lo", "up")
        try Command.run(
            "ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", port,
            "netns", self.switchName)
        try Command.run("ip", "-n", self.switchName, "link", "set", port, "master", "br0", "up")
        try Command.run("ip", "-n", name, "addr", "add", "\(address)/24", "dev", "eth0")
        try Command.run("ip", "-n", name, "link", "set", "eth0", "up")
    }

    /// Deletes whatever of the network is there.
    package func delete() throws {
        guard let files = opendir(Self.directory) else { return }
        var names: [String] = []
        while let entry = readdir(files) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(self.prefix) { names.append(name) }
        }
        closedir(files)
        for name in names.sorted() { try Command.run("ip", "netns", "del", name) }
    }

    private static func port(_ address: String) -> String {
        "p" + (address.split(separator: ".").last ?? "")
    }

    private func filter(_ rule: String) throws {
        let file = self.file(of: "switch")
        try Command.run("nsenter", "--net=\(file)", Command.path(of: "nft") ?? "nft", rule)
    }
}

// MARK: - Faults

extension LabNetwork {
    /// From now on no packet gets from the one address to the other. The way back stays open.
    package func cut(from source: String, to target: String) throws {
        let pair = "\"\(Self.port(source))\" . \"\(Self.port(target))\""
        try self.filter("add element bridge chaos cut { \(pair) }")
    }

    package func cutBothWays(_ one: String, _ other: String) throws {
        try self.cut(from: one, to: other)
        try self.cut(from: other, to: one)
    }

    package func heal() throws { try self.filter("flush set bridge chaos cut") }

    /// The address of the place where the workload's clients are.
    package static var clientsAddress: String { Self.address(Self.placesMax) }

    /// How many packets have been dropped so far: the proof that a cut was one.
    package func dropped() throws -> Int {
        let file = self.file(of: "switch")
        let rules = try Command.run(
            "nsenter", "--net=\(file)", Command.path(of: "nft") ?? "nft", "list", "chain",
            "bridge", "chaos", "pass")
        return Self.packets(in: rules)
    }

    /// The number in `counter packets N bytes M`.
    static func packets(in rules: String) -> Int {
        let words = rules.split(whereSeparator: \.isWhitespace)
        guard let at = words.firstIndex(of: "packets"), at + 1 < words.endIndex else { return 0 }
        return Int(words[at + 1]) ?? 0
    }
}
