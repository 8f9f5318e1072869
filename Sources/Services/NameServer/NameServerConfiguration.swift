package import NameServerEngine
package import RemotingProtocol
package import RoutingCore

/// How a name server is set up. Keys in files are RocketMQ's.
package struct NameServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0: any that is free.
    package var port = 9876
    package var settings = NameServerSettings()
    package var limits = RoutingLimits()

    package init() {}

    /// Takes over what a file says. Returns the keys that mean nothing here: files for RocketMQ have
    /// many, which is no reason not to start.
    package mutating func apply(_ file: PropertiesText) throws(NameServerError) -> [String] {
        var unknownKeys: [String] = []
        for (key, value) in file.pairs {
            switch key {
            case "bindAddress": self.host = value
            case "listenPort": self.port = try Self.port(value)
            default:
                if self.settings.set(key, to: value) != .changed { unknownKeys.append(key) }
            }
        }
        return unknownKeys
    }

    private static func port(_ text: String) throws(NameServerError) -> Int {
        guard let port = Int(text), (0...65_535).contains(port) else {
            throw .badConfiguration("listenPort must be 0 to 65535, got \(text)")
        }
        return port
    }
}

/// Why a name server does not run.
package enum NameServerError: Error, Hashable, Sendable {
    case badConfiguration(String)
    case cannotListen(host: String, port: Int, reason: String)
}

extension NameServerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badConfiguration(let problem): problem
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        }
    }
}
