import BrokerEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

// A replica passes on what clients ask of the master that it once was.
extension BrokerWorker {
    /// Longer than a master holds a pull.
    private static let pullPatience = Duration.seconds(65)
    private static let patience = Duration.seconds(6)

    func relay(_ command: ReceivedCommand, of caller: Caller, to master: String) {
        let isPull = command.requestCode == .pullMessage || command.requestCode == .litePullMessage
        let worker = NIOLoopBound(self, eventLoop: self.loop)
        let loop = self.loop
        self.outside.call(
            RemotingCommand(relaying: command), master, isPull ? Self.pullPatience : Self.patience
        ) { result in
            loop.execute { worker.value.relayed(result, to: caller) }
        }
    }

    private func relayed(_ result: Result<ReceivedCommand, RemotingError>, to caller: Caller) {
        guard !caller.isOneWay, let out = self.outgoing(caller.connection) else { return }
        let answer =
            switch result {
            case .success(let answer): RemotingCommand(passingOn: answer, to: caller.opaque)
            case .failure(let error):
                // Whether the master has taken it is open.
                RemotingCommand.response(
                    .systemError, to: caller.opaque,
                    remark: "this broker is not the master, and passing the request on failed: "
                        + "\(error)")
            }
        answer.encode(into: &out.bytes, as: caller.serialization)
        self.scheduleTurn()
    }
}

extension RemotingCommand {
    fileprivate init(relaying command: ReceivedCommand) {
        self.init(copying: command)
        self.fields.append(HeaderField(name: "apusRelayed", value: "true"))
    }

    fileprivate init(passingOn answer: ReceivedCommand, to opaque: Int32) {
        self.init(copying: answer)
        self.opaque = opaque
    }

    private init(copying command: ReceivedCommand) {
        self.init(
            code: command.code, flag: command.flag, version: command.version,
            language: command.language, remark: command.remark,
            fields: command.allFields.map { HeaderField(name: $0.name, value: $0.value) },
            body: command.withBodyBytes { Array($0) })
    }
}
