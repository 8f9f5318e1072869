package import Logging
package import Monitoring
package import RemotingProtocol

/// Why a controller cannot be configured as asked.
package struct ControllerConfigurationError: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Everything an operator may set, with RocketMQ's names in the file.
package struct ControllerConfiguration: Sendable {
    package static let defaultPort = 9878

    package var groupName = "apus"
    /// This controller's name among `peers`; needed unless there is one only.
    package var id: String?
    /// All controllers of the group, this one too, with the addresses of their requests. Raft's
    /// links use the port after.
    package var peers = [ControllerPeer(id: "n0", address: "127.0.0.1:9878")]
    package var dataDirectory = "controller-store"
    /// The address to listen on; that of `peers` when it is not said.
    package var listenHost: String?
    /// Said to be sure of it only: `peers` says where requests are answered.
    var listenPort: Int?
    package var logLevel = Logger.Level.info

    /// Where it tells how it is; off for controllers that are no process of their own.
    package var monitor = MonitorAddress.off

    package init() {}

    /// `n0-127.0.0.1:9878;n1-127.0.0.1:9888`
    package static func peers(_ text: String) throws(ControllerConfigurationError)
        -> [ControllerPeer]
    {
        var peers: [ControllerPeer] = []
        for part in text.split(whereSeparator: { $0 == ";" || $0 == "," || $0 == " " }) {
            guard let dash = part.firstIndex(of: "-") else {
                throw ControllerConfigurationError("a controller is NAME-HOST:PORT, not \(part)")
            }
            let peer = ControllerPeer(
                id: String(part[..<dash]), address: String(part[part.index(after: dash)...]))
            _ = try ControllerEndpoint(peer.address)
            peers.append(peer)
        }
        return peers
    }
}

extension ControllerConfiguration {
    /// This controller among its peers, after everything was checked.
    func checkedSelf() throws(ControllerConfigurationError) -> (
        id: String, endpoint: ControllerEndpoint
    ) {
        guard (1...9).contains(self.peers.count) else {
            throw ControllerConfigurationError(
                "controllerPeers names \(self.peers.count) controllers, not 1 to 9")
        }
        guard Set(self.peers.map(\.id)).count == self.peers.count,
            Set(self.peers.map(\.address)).count == self.peers.count
        else {
            throw ControllerConfigurationError(
                "controllerPeers names a controller or address twice")
        }
        for name in self.peers.map(\.id) + [self.groupName]
        where name.isEmpty || name.utf8.count > 100 {
            throw ControllerConfigurationError("a name has 1 to 100 bytes, not '\(name)'")
        }
        guard let id = self.id ?? (self.peers.count == 1 ? self.peers[0].id : nil) else {
            throw ControllerConfigurationError(
                "controllerSelfId must say which of the controllers this is")
        }
        guard let own = self.peers.first(where: { $0.id == id }) else {
            throw ControllerConfigurationError(
                "controllerSelfId \(id) is not among controllerPeers")
        }
        try self.checkRaftPorts()
        let endpoint = try ControllerEndpoint(own.address)
        if let port = self.listenPort, port != endpoint.port {
            throw ControllerConfigurationError(
                "listenPort \(port) is not the port of \(id) in controllerPeers, \(endpoint.port)")
        }
        return (id, endpoint)
    }
}

extension ControllerConfiguration {
    private func checkRaftPorts() throws(ControllerConfigurationError) {
        for peer in self.peers {
            let address = try ControllerEndpoint(peer.address).raftAddress
            guard let other = self.peers.first(where: { $0.address == address }) else { continue }
            throw ControllerConfigurationError(
                "\(other.id) at \(address) has the port that \(peer.id) needs for the other "
                    + "controllers, the one behind its own")
        }
    }
}

/// Where a controller answers requests; its Raft links are at the port after.
struct ControllerEndpoint: Hashable, Sendable {
    let host: String
    let port: Int

    init(_ address: String) throws(ControllerConfigurationError) {
        guard let colon = address.lastIndex(of: ":"), colon > address.startIndex,
            let port = Int(address[address.index(after: colon)...]), (1...65_534).contains(port)
        else {
            throw ControllerConfigurationError(
                "a controller's address is HOST:PORT with a port from 1 to 65534, not \(address): "
                    + "the port behind it is for the other controllers")
        }
        self.host = String(address[..<colon])
        self.port = port
    }

    var raftPort: Int { self.port + 1 }
    var raftAddress: String { "\(self.host):\(self.raftPort)" }
}
