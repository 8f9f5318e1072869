internal import ApusClient
internal import MessageFormat

/// Senders and receivers of one feature that keep going whatever happens to the cluster.
///
/// Topic and group are there already. It sends until the plan's end, waits until somebody has been
/// done with everything that was acknowledged, and then a little longer: what must not come gets
/// its chance to come.
struct FeatureWorkload {
    private static let pause: Duration = .milliseconds(100)
    private static let guestStays: Duration = .seconds(3)
    private static let guestIsAway: Duration = .seconds(2)

    let feature: Feature
    let plan: WorkloadPlan
    let access: ClusterAccess
    let recorder: Recorder
    let isInterrupted: @Sendable () -> Bool
    let onPhase: @Sendable (Workload.Phase) -> Void
    private let ledger = FeatureLedger()

    init(_ workload: Workload, _ feature: Feature) {
        self.feature = feature
        self.plan = workload.plan
        self.access = workload.access
        self.recorder = workload.recorder
        self.isInterrupted = workload.isInterrupted
        self.onPhase = workload.onPhase
    }

    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.consumers { tasks.addTask { await self.take("c\(index)") } }
            if self.feature == .orderly { tasks.addTask { await self.comeAndGo() } }
            if self.feature == .deadLetter {
                let desk = DeadLetterDesk(
                    plan: self.plan, access: self.access, recorder: self.recorder,
                    ledger: self.ledger)
                tasks.addTask { await desk.run() }
            }
            self.onPhase(.sending)
            // They answer for their transactions until the end.
            let senders = (0..<2).map { _ in self.sender() }
            await self.produce(senders)
            self.onPhase(.settling)
            await self.settle()
            tasks.cancelAll()
            for sender in senders { await sender.close() }
        }
        self.onPhase(.finished)
    }

    private func sender() -> FeatureSender {
        FeatureSender(
            plan: self.plan, nameServers: self.access.nameServers, recorder: self.recorder,
            ledger: self.ledger)
    }

    private func take(_ name: String) async {
        let member = Member(consumer: "\(self.plan.run)-\(name)", group: self.plan.group)
        let nameServers = self.access.nameServers
        switch self.feature {
        case .orderly:
            await OrderlyTaker(
                member: member, plan: self.plan, nameServers: nameServers,
                recorder: self.recorder, ledger: self.ledger
            ).run()
        case .pop:
            await PopTaker(
                member: member, plan: self.plan, nameServers: nameServers,
                recorder: self.recorder, ledger: self.ledger
            ).run()
        default:
            await PushTaker(
                member: member, plan: self.plan, feature: self.feature, nameServers: nameServers,
                recorder: self.recorder, ledger: self.ledger
            ).run()
        }
    }

    /// One more member joins and leaves, again and again, so that queues move.
    private func comeAndGo() async {
        var number = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.guestIsAway)
            guard !Task.isCancelled else { return }
            let name = "guest\(number)"
            let stay = Task { await self.take(name) }
            try? await Task.sleep(for: Self.guestStays)
            stay.cancel()
            await stay.value
            number += 1
        }
    }

    private func produce(_ senders: [FeatureSender]) async {
        let schedule = SendSchedule(plan: self.plan, startingAt: Recorder.now)
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.producers {
                let sender = senders[index % senders.count]
                tasks.addTask {
                    await sender.sendAll(
                        as: "\(self.plan.run)-p\(index)", schedule, until: self.isInterrupted)
                }
            }
        }
    }

    private func settle() async {
        let deadline = Recorder.now + self.plan.settleTime
        while self.ledger.open > 0, Recorder.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: Self.pause)
        }
        try? await Task.sleep(for: self.lingersFor)
    }

    /// Longer than anything that must not come would take.
    private var lingersFor: Duration {
        switch self.feature {
        case .transaction, .pop: .seconds(6)
        case .delay, .retry, .deadLetter: .seconds(2)
        case .orderly: .seconds(1)
        }
    }
}
