internal import MessageFormat

/// A member of the workload's group: takes down what it gets, and acknowledges it.
struct WorkloadConsumer: Sendable {
    let member: Member
    let plan: WorkloadPlan
    let nameServers: [String]
    let recorder: Recorder

    /// Runs until its task is cancelled, then leaves in good order.
    func run() async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(1)) }
        self.recorder.record(.left(self.member))
    }
}
