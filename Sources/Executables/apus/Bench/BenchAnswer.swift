import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

struct BenchAnswer: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer",
        abstract: "Answer every send at once and store nothing, until stopped.",
        discussion: """
            Gives the limit that protocol, sockets and generator set on this machine: put the \
            same load of `apus bench send` on it and on a broker. It calls itself the master of a \
            group named bare, so use a name server of its own.

            Example:
              apus bench answer --port 30911 --topic bench &
              apus bench send --topic bench --duration 10s
            """)

    @Option(help: "Where to listen, on the loopback address.")
    var port: Int
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel: any Channel
        do {
            channel = try await Self.bootstrap(group).bind(host: "127.0.0.1", port: self.port).get()
        } catch {
            throw CommandFailure(
                .unavailable, "cannot listen on port \(self.port)", because: "\(error)",
                try: "another --port")
        }
        let client = RemotingClient(group: group, logger: ConnectionOptions.logger)
        for nameServer in self.bench.connection.nameServers {
            await self.register(client, at: nameServer)
        }
        Terminal.print("ready 127.0.0.1:\(self.port)")
        try? await channel.closeFuture.get()
    }

    private static func bootstrap(_ group: any EventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(BareServer())
                }
            }
    }

    /// The connection stays open: a name server forgets a broker whose connection closes.
    private func register(_ client: RemotingClient, at nameServer: String) async {
        let topic = TopicConfig(
            name: self.bench.topic, readQueues: self.bench.queues, writeQueues: self.bench.queues)
        let version = DataVersion(timestamp: Recorder.wallNow)
        let body = RegisterBrokerBody(topics: [topic], dataVersion: version).encoded
        let command = RemotingCommand.request(
            .registerBroker,
            fields: [
                "brokerName": "bare", "brokerAddr": "127.0.0.1:\(self.port)",
                "clusterName": "bare", "haServerAddr": "", "brokerId": "0", "compressed": "false",
                "bodyCrc32": String(body.withUnsafeBytes { Checksum.ofBody($0) }),
            ], body: body)
        do {
            _ = try await client.call(command, to: nameServer, timeout: .seconds(5))
        } catch {
            Terminal.note("not registered at \(nameServer): \(error)")
        }
    }
}
