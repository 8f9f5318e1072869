/// Where a server tells how it is, over HTTP.
package struct MonitorAddress: Hashable, Sendable {
    package enum Port: Hashable, Sendable {
        case off
        /// The usual one. Taken by somebody else, the server runs without.
        case usual(Int)
        /// The operator's; 0: any that is free.
        case chosen(Int)
    }

    package var host: String
    package var port: Port

    package init(host: String = "127.0.0.1", port: Port) {
        self.host = host
        self.port = port
    }

    package static let off = Self(port: .off)
    package static let nameServer = Self(port: .usual(8087))
    package static let broker = Self(port: .usual(8088))
    package static let controller = Self(port: .usual(8089))
}

extension MonitorAddress.Port {
    /// What an operator writes: a number, or `off`. Nil: neither.
    package init?(_ text: String) {
        if text.lowercased() == "off" {
            self = .off
        } else if let number = UInt16(text) {
            self = .chosen(Int(number))
        } else {
            return nil
        }
    }
}
