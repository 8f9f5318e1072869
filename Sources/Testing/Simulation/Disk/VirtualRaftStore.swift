import Raft

/// What one controller has on its disk, and what is on its way there.
///
/// The real file is a sequence of checked records, so a crash leaves a prefix of what was being
/// written; more than that is not simulated here.
struct VirtualRaftStore {
    private(set) var durable = RaftRestored()
    private var pending: RaftPersist?

    /// - parameter isNew: whether it says that it is. One that does not is a lie.
    init(isNew: Bool = true) { self.durable.hardState.mayHaveForgotten = isNew }

    var lastIndex: LogIndex {
        self.durable.entries.last?.index ?? self.durable.snapshot?.position.index ?? .zero
    }

    mutating func write(_ persist: RaftPersist) {
        precondition(self.pending == nil, "one batch is at the disk at a time")
        self.pending = persist
    }

    mutating func flush() {
        guard let persist = self.pending.take() else { return }
        for step in Step.all(of: persist, hardStateFirst: false) { step.apply(to: &self.durable) }
    }

    /// The process or the machine is gone: some of the batch made it, from its start on.
    mutating func crash(_ random: inout SeededGenerator) {
        guard let persist = self.pending.take() else { return }
        let steps = Step.all(of: persist, hardStateFirst: random.oneIn(2))
        for step in steps.prefix(random.below(steps.count + 1)) { step.apply(to: &self.durable) }
    }
}

private enum Step {
    case hardState(HardState)
    case truncate(LogIndex)
    case snapshot(RaftSnapshot)
    case entry(RaftEntry)

    static func all(of persist: RaftPersist, hardStateFirst: Bool) -> [Step] {
        let state = persist.hardState.map { [Step.hardState($0)] } ?? []
        let log =
            (persist.truncateFrom.map { [Step.truncate($0)] } ?? [])
            + (persist.snapshot.map { [Step.snapshot($0)] } ?? [])
            + persist.entries.map { Step.entry($0) }
        return hardStateFirst ? state + log : log + state
    }

    func apply(to restored: inout RaftRestored) {
        switch self {
        case .hardState(let state): restored.hardState = state
        case .truncate(let index): restored.entries.removeAll { $0.index >= index }
        case .snapshot(let snapshot):
            restored.snapshot = snapshot
            restored.entries.removeAll { $0.index <= snapshot.position.index }
        case .entry(let entry):
            restored.entries.removeAll { $0.index >= entry.index }
            restored.entries.append(entry)
        }
    }
}
