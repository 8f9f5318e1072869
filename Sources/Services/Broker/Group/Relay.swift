import BrokerEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

/// Requests that were passed on to the master and are not answered yet.
struct Relays {
    struct Relayed {
        let command: ReceivedCommand
        let caller: Caller
        /// Of the master that was asked.
        let epoch: Epoch

        /// A pull changes nothing: it may be asked for again. So may a pop: what it took and nobody
        /// heard of comes back.
        var isPull: Bool {
            let code = RequestCode(rawValue: self.command.code)
            return code == .pullMessage || code == .litePullMessage || code == .popMessage
                || code == .notification
        }
    }

    /// A master that hangs must not make its replica keep more.
    private static let countMax = 32_768
    private static let bytesMax = 16 << 20

    private var underWay: [UInt64: Relayed] = [:]
    private var bytes = 0
    private var next: UInt64 = 0

    /// nil when too many are under way.
    mutating func began(_ relayed: Relayed) -> UInt64? {
        guard self.underWay.count < Self.countMax, self.bytes < Self.bytesMax else { return nil }
        self.next += 1
        self.underWay[self.next] = relayed
        self.bytes += relayed.command.frameCount
        return self.next
    }

    /// nil when somebody else has answered it meanwhile.
    mutating func ended(_ id: UInt64) -> Relayed? {
        let relayed = self.underWay.removeValue(forKey: id)
        self.bytes -= relayed?.command.frameCount ?? 0
        return relayed
    }

    mutating func takePulls() -> [Relayed] {
        let pulls = self.underWay.filter { $0.value.isPull }.keys.sorted()
        return pulls.compactMap { self.ended($0) }
    }

    mutating func takeAll() -> [Relayed] {
        self.underWay.keys.sorted().compactMap { self.ended($0) }
    }
}

// A replica passes on what clients ask of the master that it once was.
extension BrokerWorker {
    /// Longer than a master holds a pull.
    private static let pullPatience = Duration.seconds(65)
    private static let patience = Duration.seconds(6)

    func relay(_ command: ReceivedCommand, of caller: Caller, to master: String) {
        let relayed = Relays.Relayed(
            command: command, caller: caller, epoch: self.engine.groupReport.masterEpoch)
        guard let id = self.group?.relays.began(relayed) else {
            return self.answer(relayed, Self.tooMany(relayed))
        }
        let worker = NIOLoopBound(self, eventLoop: self.loop)
        let loop = self.loop
        self.outside.call(
            RemotingCommand(relaying: command), master,
            relayed.isPull ? Self.pullPatience : Self.patience
        ) { result in
            loop.execute { worker.value.relayed(id, result) }
        }
    }

    private func relayed(_ id: UInt64, _ result: Result<ReceivedCommand, RemotingError>) {
        guard let relayed = self.group?.relays.ended(id), !self.hasFailed else { return }
        switch result {
        case .success(let answer) where relayed.isPull && answer.isFromNoMaster:
            self.askNextMaster(relayed)
        case .success(let answer):
            self.answer(relayed, RemotingCommand(passingOn: answer, to: relayed.caller.opaque))
        case .failure where relayed.isPull: self.askNextMaster(relayed)
        case .failure(.connectFailed): self.askNextMaster(relayed)  // nothing was sent
        case .failure(let error): self.answer(relayed, Self.isOpen(relayed, because: "\(error)"))
        }
        self.scheduleTurn()
    }

    private func answer(_ relayed: Relays.Relayed, _ answer: RemotingCommand) {
        let caller = relayed.caller
        guard !caller.isOneWay, let out = self.outgoing(caller.connection) else { return }
        answer.encode(into: &out.bytes, as: caller.serialization)
    }

    private func askNextMaster(_ relayed: Relays.Relayed) {
        guard self.knows(relayed.caller.connection) else { return }
        self.engine.relayFailed(
            relayed.command, from: relayed.caller, in: relayed.epoch, at: Clock.now())
    }

    private static func isOpen(
        _ relayed: Relays.Relayed, because reason: String
    ) -> RemotingCommand {
        .response(
            .systemError, to: relayed.caller.opaque,
            remark: "this broker is not the master, and whether the master has taken the request "
                + "is open: \(reason)")
    }

    private static func tooMany(_ relayed: Relays.Relayed) -> RemotingCommand {
        .response(
            .systemBusy, to: relayed.caller.opaque,
            remark: "this broker is not the master, and too many requests are on their way to it")
    }

    /// The master that was asked is master no more, or may hang: the next one is asked.
    func takeRelaysBack() {
        for relayed in self.group?.relays.takePulls() ?? [] { self.askNextMaster(relayed) }
    }

    /// Held and relayed pulls are answered, and the connections closed, before this broker is gone:
    /// a client that is left without an answer pauses for half a minute.
    func letClientsGo() {
        for relayed in self.group?.relays.takeAll() ?? [] {
            if relayed.isPull {
                self.askNextMaster(relayed)
            } else {
                self.answer(relayed, Self.isOpen(relayed, because: "this broker is stopping"))
            }
        }
        guard !self.hasFailed else { return }
        self.engine.letClientsGo(at: Clock.now())
        self.turn()
        self.closeClients()
    }
}

extension ReceivedCommand {
    /// The broker that was asked is not the master, or not yet.
    fileprivate var isFromNoMaster: Bool {
        let code = ResponseCode(rawValue: self.code)
        return code == .serviceNotAvailable || code == .systemBusy
    }
}

extension RemotingCommand {
    fileprivate init(relaying command: ReceivedCommand) {
        self.init(copying: command)
        self.fields.append(HeaderField(name: "apusRelayed", value: "true"))
        // The master sees this broker's connection, not the client's.
        self["apusReturnOnClose"] = nil
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
