import Glibc
import Listening
import NIOCore
import NIOPosix

extension BrokerConfiguration {
    /// Throws for ports that can never be used together.
    func checkPorts() throws(ConfigurationError) {
        guard (1...65_535).contains(self.port) else {
            throw ConfigurationError("listenPort is a number from 1 to 65535, not \(self.port)")
        }
        guard !self.controllers.isEmpty else { return }
        let replication = self.replicationListenPort
        guard (1...65_535).contains(replication) else {
            throw ConfigurationError(
                self.replicationPort == nil
                    ? """
                    listenPort \(self.port) leaves no port for replicas, which connect to the one \
                    behind it: choose a smaller one, or set haListenPort
                    """ : "haListenPort is a number from 1 to 65535, not \(replication)")
        }
        guard replication != self.port else {
            throw ConfigurationError(
                "haListenPort and listenPort are both \(self.port): replicas need a port of their own"
            )
        }
    }

    /// Throws when one of the ports is taken. What needs them listens later: a broker that cannot
    /// serve shall not take an id before.
    func probePorts(on group: any EventLoopGroup) async throws {
        try await self.probe(self.port, "listenPort", on: group)
        guard !self.controllers.isEmpty else { return }
        try await self.probe(self.replicationListenPort, "haListenPort", on: group)
    }

    private func probe(_ port: Int, _ key: String, on group: any EventLoopGroup) async throws {
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: self.listenHost, port: port).get()
            try await channel.stopListening().get()
        } catch {
            throw self.cannotListen(on: port, key, error)
        }
    }

    func cannotListen(on port: Int, _ key: String, _ error: any Error) -> ConfigurationError {
        let reason =
            (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        return ConfigurationError("cannot listen on \(self.listenHost):\(port) (\(key)): \(reason)")
    }
}
