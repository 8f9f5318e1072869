import ClientCore
import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol

extension CallResult {
    /// Whether the request may have had its effect, as far as its sender knows.
    var mayHaveHappened: Bool {
        switch self {
        case .success(let answer):
            AttemptOutcome(responseCode: answer.responseCode.rawValue, remark: "")
                .mayHaveBeenStored
        case .failure(let failure): failure.requestWasSent
        }
    }
}

/// A machine of a workload: a process that may end and start again, and calls masters.
final class WorkloadClient {
    let machine: Machine
    let outside: Outside
    private(set) var remoting: VirtualRemotingClient?
    /// What it does from each of its starts on.
    var began: () -> Void = {}
    var asked: (ReceivedCommand, ConnectionEnd) -> Void = { _, _ in }
    var closed: (String) -> Void = { _ in }

    init(_ name: String, number: Int, _ outside: Outside) {
        self.outside = outside
        self.machine = Machine(
            name: name, host: outside.plan.workloadHost(number), world: outside.world)
    }

    var world: World { self.outside.world }

    func start() {
        guard !self.machine.isRunning else { return }
        self.machine.start { [weak self] in
            guard let self else { return }
            self.outside.network.processEnded(on: self.machine)
        }
        self.remoting = VirtualRemotingClient(
            self.machine, self.outside.network,
            onRequest: { [weak self] command, end in self?.asked(command, end) },
            onClosed: { [weak self] address in self?.closed(address) })
        self.began()
    }

    /// The process ends, and starts again after a while.
    func crash() {
        self.world.say("\(self.machine.name): ends by itself")
        self.machine.stop(losingPower: self.world.random.oneIn(3))
        let pause = self.world.random.duration(in: .milliseconds(50)...(.milliseconds(800)))
        self.world.after(pause) { [weak self] in self?.start() }
    }

    /// Again and again, until it says no or the process ends.
    func keep(_ pauses: ClosedRange<Duration>, _ action: @escaping () -> Bool) {
        self.machine.after(self.world.random.duration(in: pauses)) { [weak self] in
            guard let self, action() else { return }
            self.keep(pauses, action)
        }
    }

    /// Somebody who takes itself for the master of a group.
    func master(of group: Int) -> BrokerHost? {
        self.world.random.pick(
            self.outside.checks.brokers.filter { $0.group == group && $0.isMaster })
    }

    func anyMaster() -> BrokerHost? {
        self.master(of: self.world.random.below(self.outside.plan.groups))
    }

    func call(
        _ command: RemotingCommand, to host: BrokerHost, timeout: Duration = .seconds(1),
        _ completion: @escaping (CallResult) -> Void
    ) {
        self.remoting?.call(
            command, to: host.address, timeout: timeout, completion: completion)
    }

    /// Sends a message once. Whatever becomes of it, there is one copy at most.
    func send(
        _ value: UInt64, to topic: String, of host: BrokerHost,
        _ properties: MessageProperties = MessageProperties(),
        _ completion: @escaping (SendAnswer) -> Void = { _ in }
    ) {
        let message = OutgoingMessage(
            body: History.body(of: value, filler: self.world.random.below(200)),
            properties: properties, uniqueKey: "\(topic)-\(value)")
        let queue = MessageQueue(
            topic: topic, brokerName: host.brokerName,
            queueID: Int32(self.world.random.below(Int(self.outside.plan.queues))))
        let command = SendCommand.command(
            OutgoingSend(topic: topic, messages: [message]), to: queue, group: "W",
            at: self.machine.now().wall)
        self.call(command, to: host) { completion(SendAnswer($0)) }
    }
}
