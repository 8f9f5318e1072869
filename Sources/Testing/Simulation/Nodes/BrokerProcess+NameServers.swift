import BrokerEngine
import MessageFormat
import RemotingProtocol

// Name servers hear of a role at once, of changed topics at once, and of everything every second.
extension BrokerProcess {
    private static let timeout = Duration.seconds(1)

    func registerSoon() {
        self.registerEverywhere()
    }

    func lostServer(_ address: String) {
        guard self.outside.plan.nameServerAddresses.contains(address) else { return }
        self.registeredAs[address] = nil
        self.machine.after(.milliseconds(250)) { [weak self] in
            self?.register(at: address)
        }
    }

    func keepRegistered() {
        self.registerEverywhere()
        self.machine.after(.seconds(1)) { [weak self] in self?.keepRegistered() }
    }

    private func registerEverywhere() {
        for address in self.outside.plan.nameServerAddresses { self.register(at: address) }
    }

    private func register(at address: String) {
        guard let engine = self.engine, let identity = self.host.identity else { return }
        let id: Int64
        switch engine.role {
        case .master: id = 0
        case .replica: id = identity.brokerID
        case .fenced, .alone: return
        }
        var body = engine.registration
        body.dataVersion.stateVersion = Int64(engine.groupReport.masterEpoch.value)
        let bytes = body.encoded
        let checksum = bytes.withUnsafeBytes { Checksum.ofBody($0) }
        let request = RemotingCommand.request(
            .registerBroker,
            fields: [
                "brokerName": self.host.brokerName, "brokerAddr": self.host.address,
                "clusterName": ClusterPlan.clusterName,
                "haServerAddr": self.host.replicationAddress, "brokerId": String(id),
                "compressed": "false", "bodyCrc32": String(checksum),
            ], body: bytes)
        self.remoting.call(request, to: address, timeout: Self.timeout) { [weak self] result in
            guard let self else { return }
            if case .success(let answer) = result, answer.responseCode == .success {
                self.registeredAs[address] = id
            } else {
                self.machine.after(.milliseconds(250)) { [weak self] in
                    guard let self, self.registeredAs[address] != id else { return }
                    self.register(at: address)
                }
            }
        }
    }
}
