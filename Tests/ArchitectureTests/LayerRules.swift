/// What the sources of one layer may import, beside the standard library.
///
/// This is the table of docs/architecture.md. The compiler's dependency check keeps a target to
/// what the manifest names; these rules keep the manifest, and the system's modules, to the table.
struct LayerRule {
    var layer: String
    /// Modules from outside the package.
    var outside: Set<String>
    /// Layers of the package, whose modules are all allowed.
    var layers: Set<String>
    /// Single modules of the package.
    var modules: Set<String>

    func allows(_ module: String, layerOf: (String) -> String?) -> Bool {
        if module == "Swift" || self.modules.contains(module) { return true }
        guard let layer = layerOf(module) else { return self.outside.contains(module) }
        return self.layers.contains(layer)
    }
}

extension LayerRule {
    private static let collections: Set<String> = [
        "Collections", "BitCollections", "DequeModule", "HashTreeCollections", "HeapModule",
        "OrderedCollections",
    ]
    private static let sockets: Set<String> = [
        "NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers",
    ]
    private static let system: Set<String> = [
        "Darwin", "Dispatch", "Glibc", "Musl", "Synchronization",
    ]

    /// A single target may need more than its layer has; it is named here with its reason.
    static func rule(layer: String, target: String) -> LayerRule? {
        switch layer {
        case "Formats":
            LayerRule(
                layer: layer,
                outside: target == "RemotingProtocol" ? ["NIOCore"] : [],  // its ByteBuffer
                layers: ["Formats"], modules: [])
        case "Cores":
            LayerRule(
                layer: layer, outside: Self.collections, layers: [], modules: ["MessageFormat"])
        case "Engines":
            LayerRule(
                layer: layer, outside: Self.collections, layers: ["Formats", "Cores"], modules: [])
        case "Shells":
            LayerRule(
                layer: layer, outside: Self.sockets.union(Self.system).union(["Logging"]),
                // Whatever is spoken on a port, listening there is the same.
                layers: ["Formats"], modules: ["Listening"])
        case "Services":
            LayerRule(
                layer: layer,
                outside: Self.sockets.union(Self.system).union(Self.collections)
                    .union(["Logging", "ServiceLifecycle"]),
                layers: ["Formats", "Shells", "Engines"],
                modules: Self.coresOfService[target] ?? [])
        case "Testing":
            LayerRule(
                layer: layer,
                outside: Self.sockets.union(Self.system).union(Self.collections)
                    .union(["Foundation", "Logging"]),
                layers: ["Formats", "Cores", "Engines", "Testing"],
                // A checker sends plain requests: a client that hid a fault would hide it here.
                // What reads the bytes of strangers is fuzzed wherever it stands.
                modules: ["ApusClient", "RemotingTransport", "PeerTransport", "Compression"])
        case "Executables":
            LayerRule(
                layer: layer,
                outside: Self.sockets.union(Self.system)
                    .union([
                        "ArgumentParser", "Foundation", "Logging", "ServiceLifecycle",
                        "UnixSignals",
                    ]),
                layers: ["Formats", "Shells", "Services", "Testing"],
                // The flags that the servers share.
                modules: ["ServerCommand"])
        default: nil
        }
    }

    /// Cores whose values cross from an engine into its service: limits, log reads, send policies.
    private static let coresOfService: [String: Set<String>] = [
        "ApusClient": ["ClientCore"], "Broker": ["LogCore"],
        "Controller": ["ControllerCore", "Raft"], "NameServer": ["RoutingCore"],
    ]
}
