import Logging
import MessageFormat
import RemotingProtocol
import Storage

/// Gets a broker its id, once in its life, and asks for it again should the controllers have lost
/// it.
struct Enrolment: Sendable {
    let caller: ControllerCaller
    let configuration: BrokerConfiguration
    let store: LogStore
    let logger: Logger

    private static let timeout = Duration.seconds(3)
    private static let pauseMilliseconds = 100...400
    /// Attempts between two lines in the log that say what is waited for.
    private static let attemptsPerNotice = 40

    /// The identity in the directory, or one that the controllers give. Tries until it has one or
    /// the task is cancelled.
    func identity() async throws -> BrokerIdentity {
        if let known = try BrokerIdentity.read(of: self.store, for: self.configuration) {
            return known
        }
        try self.warnOfLog()
        var attempts = 0
        while true {
            if let identity = try await self.enrol() { return identity }
            if attempts % Self.attemptsPerNotice == 4 {
                self.logger.warning(
                    "waiting for an id from the controllers: \(self.caller.troubles)")
            }
            attempts += 1
            try await Task.sleep(for: .milliseconds(Int.random(in: Self.pauseMilliseconds)))
        }
    }

    /// Deleted, an identity makes a new broker of an old one: whoever did it should know.
    private func warnOfLog() throws {
        guard try self.store.readFile(SetMemoryFile.name) != nil else { return }
        self.logger.warning(
            """
            \(self.store.directory) was in a group and its \(BrokerIdentity.fileName) is gone: it \
            joins as a new broker, and its log is thrown away where it differs from the master's
            """)
    }

    private func enrol() async throws -> BrokerIdentity? {
        guard let applied = try await self.application() else { return nil }
        switch await self.apply(applied) {
        case .given:
            try CheckCode.write(applied.checkCode, for: applied.identity, to: self.store)
            try self.store.replaceFile(
                BrokerIdentity.fileName, with: Array(applied.identity.text.utf8))
            try self.store.deleteFile(AppliedIdentity.fileName)
            self.logger.info("this is broker \(applied.identity.brokerID) of its group")
            return applied.identity
        case .taken:
            try self.store.deleteFile(AppliedIdentity.fileName)
            return nil
        case .unknown: return nil
        }
    }

    /// The application that a crash interrupted, or a new one.
    private func application() async throws -> AppliedIdentity? {
        if let bytes = try self.store.readFile(AppliedIdentity.fileName),
            let applied = AppliedIdentity(text: String(decoding: bytes, as: UTF8.self)),
            applied.identity.clusterName == self.configuration.clusterName,
            applied.identity.brokerName == self.configuration.brokerName
        {
            return applied
        }
        let request = NextBrokerIDRequest(
            clusterName: self.configuration.clusterName, brokerName: self.configuration.brokerName)
        guard let answer = await self.caller.ask(request.command, timeout: Self.timeout) else {
            return nil
        }
        guard try self.isAccepted(answer), let next = try? NextBrokerIDAnswer(answer),
            next.nextBrokerID > 0
        else { return nil }
        let applied = AppliedIdentity(
            identity: BrokerIdentity(
                clusterName: self.configuration.clusterName,
                brokerName: self.configuration.brokerName, brokerID: next.nextBrokerID),
            checkCode: self.newCheckCode)
        try self.store.replaceFile(AppliedIdentity.fileName, with: Array(applied.text.utf8))
        return applied
    }

    /// A name that is taken in another cluster stays taken: waiting would hide the mistake.
    private func isAccepted(_ answer: ReceivedCommand) throws(ConfigurationError) -> Bool {
        switch ResponseCode(rawValue: answer.code) {
        case .success: return true
        case .controllerBrokerNeedToBeRegistered:
            throw ConfigurationError(
                """
                brokerName \(self.configuration.brokerName) with brokerClusterName \
                \(self.configuration.clusterName) is refused by the controllers: \
                \(answer.remark ?? ""). Mend brokerClusterName, or choose another brokerName
                """)
        case let code:
            self.logger.warning("no id from the controllers: \(code) \(answer.remark ?? "")")
            return false
        }
    }

    private var newCheckCode: String {
        "\(self.configuration.advertisedAddress);\(Clock.now().wall.milliseconds)"
    }

    private enum Outcome { case given, taken, unknown }

    private func apply(_ applied: AppliedIdentity) async -> Outcome {
        let request = ApplyBrokerID(
            clusterName: applied.identity.clusterName, brokerName: applied.identity.brokerName,
            appliedBrokerID: applied.identity.brokerID, registerCheckCode: applied.checkCode)
        guard let answer = await self.caller.ask(request.command, timeout: Self.timeout) else {
            return .unknown
        }
        switch ResponseCode(rawValue: answer.code) {
        case .success: return .given
        case .controllerBrokerIDInvalid: return .taken
        default:
            self.logger.warning(
                "no id from the controllers: \(answer.code) \(answer.remark ?? "")")
            return .unknown
        }
    }

    enum Reclaim: Sendable { case given, refused(String), unknown }

    /// The controllers do not know this broker: they lost their state, or it was cleaned away there.
    func applyAgain(for identity: BrokerIdentity) async -> Reclaim {
        let code = self.checkCode(for: identity)
        let request = ApplyBrokerID(
            clusterName: identity.clusterName, brokerName: identity.brokerName,
            appliedBrokerID: identity.brokerID, registerCheckCode: code,
            isReturning: true)
        guard let answer = await self.caller.ask(request.command, timeout: Self.timeout) else {
            return .unknown
        }
        switch ResponseCode(rawValue: answer.code) {
        case .success:
            do {
                try CheckCode.write(code, for: identity, to: self.store)
            } catch {
                return .refused("what the id was given for cannot be written down: \(error)")
            }
            return .given
        case .controllerBrokerIDInvalid:
            return .refused(
                """
                the controllers do not give this broker its id \(identity.brokerID) back: \
                \(answer.remark ?? ""). If it never held a message, empty \(self.store.directory), and \
                it joins with a new id. If not, keep that directory, it may hold what no other broker \
                has: stop the broker that has the id now, run `apus broker clean \
                \(identity.brokerName) --id \(identity.brokerID) --yes`, and this one joins by itself. \
                Unless empty brokers have formed the group without it: then stop them, empty the \
                controllers' directories, and start the brokers that have the data
                """)
        default:
            return .refused("no id from the controllers: \(answer.code) \(answer.remark ?? "")")
        }
    }

    /// The same whenever it is asked for: the answer to the first time may have been lost.
    private func checkCode(for identity: BrokerIdentity) -> String {
        CheckCode.read(of: self.store, for: identity)
            ?? "again;\(identity.text);\(self.store.logID)"
    }
}
