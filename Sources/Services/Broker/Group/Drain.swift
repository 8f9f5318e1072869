import BrokerEngine
import Logging
import MessageFormat
import RemotingProtocol

/// A broker that gives its mastership away and does not want it back.
struct Drain: Sendable {
    private(set) var wantedSince: Tick?
    /// No more sends are taken, so that everything that was taken can be confirmed.
    var isRefusing = false
    /// The controllers have been asked and have not answered.
    var isAsking = false
    var complainedOfHangSince: Tick?
    /// When this broker gave its mastership away last.
    var handedOverAt: Tick?

    /// A write that takes longer than this: the disk hangs.
    static let diskTimeMax = Duration.seconds(2)
    /// Replicas that have only just come may be waited for this long: sends go on meanwhile, and
    /// would stop if the next master had too few.
    static let replicaTimeMax = Duration.seconds(2)
    /// Where all who live are drained, the mastership goes round among them: not in haste, because
    /// each time costs an epoch.
    static let handOverPause = Duration.seconds(5)
    /// Why the last attempt led to nothing.
    var problem: String?

    var isWanted: Bool { self.wantedSince != nil }

    mutating func want(_ isWanted: Bool, at now: Tick) {
        self.wantedSince = isWanted ? self.wantedSince ?? now : nil
        self.isRefusing = self.isRefusing && isWanted
        self.handedOverAt = nil
        self.problem = nil
    }
}

extension BrokerWorker {
    /// Whether this broker is master of a group, so that others wait for it.
    var isMasterOfGroup: Bool {
        if case .master? = self.report?.role { true } else { false }
    }

    /// Refuses sends, and hands the mastership over whenever it has it, until `isWanted` is false.
    func drain(_ isWanted: Bool) {
        guard self.group != nil else { return }
        self.group?.drain.want(isWanted, at: Clock.now().tick)
        self.group?.controllers?.isDrained = isWanted
        self.lookAtDisk()
        self.goOnDraining()
    }

    var isDrained: Bool { self.group?.drain.isWanted ?? false }
    var isRefusingForDrain: Bool { self.group?.drain.isRefusing ?? false }

    /// Each 200 ms: the next step. First enough replicas, then no more sends, then everything that
    /// was taken is confirmed.
    func goOnDraining() {
        guard let since = self.group?.drain.wantedSince else { return }
        if !self.isRefusingForDrain {
            guard self.engine.isReadyToHandOver || Clock.now().tick - since >= Drain.replicaTimeMax
            else { return }
            self.group?.drain.isRefusing = true
            self.lookAtDisk()
        }
        if self.isEverythingConfirmed, !self.hasJustHandedOver { self.askForAnotherMaster() }
    }

    private var hasJustHandedOver: Bool {
        guard let last = self.group?.drain.handedOverAt else { return false }
        return Clock.now().tick - last < Drain.handOverPause
    }

    /// A master whose disk hangs keeps everybody waiting, while the others of the SyncStateSet have
    /// all that was ever acknowledged. It does not wait for its disk to give the mastership away.
    func handOverIfDiskHangs() {
        guard let since = self.writingSince, Clock.now().tick - since > Drain.diskTimeMax,
            !self.isWaitingForSpace, self.isMasterOfGroup
        else { return }
        if self.group?.drain.complainedOfHangSince != since {
            self.group?.drain.complainedOfHangSince = since
            self.logger.error(
                "the disk has not finished a write for \(Drain.diskTimeMax): handing over")
        }
        self.askForAnotherMaster()
    }

    func askForAnotherMaster() {
        guard let group = self.group, !group.drain.isAsking, self.isMasterOfGroup,
            let controllers = group.controllers
        else { return }
        self.group?.drain.isAsking = true
        let door = group.door
        controllers.handOver { problem in
            door.onLoop { $0.handedOver(problem) }
        }
    }

    private func handedOver(_ problem: String?) {
        self.group?.drain.isAsking = false
        if problem == nil { self.group?.drain.handedOverAt = Clock.now().tick }
        guard let problem, problem != self.group?.drain.problem else { return }
        self.group?.drain.problem = problem
        self.logger.warning("the mastership is not handed over yet: \(problem)")
    }

    private var isEverythingConfirmed: Bool {
        guard let report = self.report else { return true }
        return self.engine.isSettled && report.confirmed >= report.logEnd
    }

    enum LeavingStep: Sendable {
        case done, waiting
        /// The controllers see nobody who could take over.
        case hopeless
    }

    /// The next step of a master that stops.
    func leave() -> LeavingStep {
        guard let report = self.report, !self.hasFailed else { return .done }
        let wasMaster = self.isMasterOfGroup || self.isDrained
        guard wasMaster else { return .done }
        if !self.isDrained { self.drain(true) }
        self.group?.drain.handedOverAt = nil
        self.goOnDraining()
        self.turn()
        switch report.role {
        case .master: return self.group?.drain.problem == nil ? .waiting : .hopeless
        case .replica: return report.logEpoch >= report.masterEpoch ? .done : .waiting
        case .fenced, .alone: return .waiting
        }
    }

    /// `apus broker drain`: answered with the role as it is, once the controllers agree.
    func drainRequested(
        _ command: ReceivedCommand, answer: @escaping @Sendable (RemotingCommand) -> Void
    ) {
        guard let group = self.group, let controllers = group.controllers else {
            return answer(
                .response(
                    .requestCodeNotSupported, to: command.opaque,
                    remark: "this broker has no controllers: nobody could take over"))
        }
        let isUndone: Bool
        do {
            isUndone = try command.bool("undo") ?? false
        } catch {
            return answer(.response(.invalidParameter, to: command.opaque, remark: "\(error)"))
        }
        guard !isUndone, !self.isDrained else {
            return answer(self.drained(!isUndone, to: command))
        }
        let door = group.door
        controllers.askToDrain { problem in
            door.onLoop { worker in
                if let problem {
                    worker.logger.warning("not drained: \(problem)")
                    answer(.response(.serviceNotAvailable, to: command.opaque, remark: problem))
                } else {
                    answer(worker.drained(true, to: command))
                }
            }
        }
    }

    private func drained(_ isWanted: Bool, to command: ReceivedCommand) -> RemotingCommand {
        self.logger.notice(isWanted ? "drained on request" : "draining ends")
        self.drain(isWanted)
        return .response(
            .success, to: command.opaque,
            fields: [
                "brokerName": self.engine.settings.brokerName,
                "isMaster": "\(self.isMasterOfGroup)", "isDrained": "\(isWanted)",
                "problem": self.group?.drain.problem ?? "",
            ])
    }
}
