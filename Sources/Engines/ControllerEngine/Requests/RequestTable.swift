import ControllerCore
import MessageFormat
import RemotingProtocol

// Which request is answered by whom.
extension ControllerEngine {
    /// The answer, or nil when it comes later.
    mutating func handle(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) -> Answer? {
        switch command.requestCode {
        case .brokerHeartbeat: return try self.heartbeat(command, request)
        case .controllerGetMetadataInfo: return self.metadata
        case .getControllerConfig: return self.configuration
        default: break
        }
        guard Self.leaderCodes.contains(command.requestCode) else {
            throw .notSupported(code: command.code)
        }
        guard self.isLeader else { throw .notLeader }
        switch command.requestCode {
        case .controllerAlterSyncStateSet: try self.alterSyncStateSet(command, request)
        case .controllerElectMaster: try self.electMaster(command, request)
        case .controllerRegisterBroker: try self.registerBroker(command, request)
        case .controllerApplyBrokerID: try self.applyBrokerID(command, request)
        case .controllerGetNextBrokerID: try self.nextBrokerID(command, request)
        case .controllerGetReplicaInfo: try self.replicaInfo(command, request)
        case .controllerGetSyncStateData: try self.syncStateData(command, request)
        case .cleanBrokerData: try self.cleanBrokerData(command, request)
        case .drainBroker: try self.drainBroker(command, request)
        default: try self.changeControllers(command, request)
        }
        return nil
    }

    /// What only the leader answers.
    private static let leaderCodes: Set<RequestCode> = [
        .controllerAlterSyncStateSet, .controllerElectMaster, .controllerRegisterBroker,
        .controllerApplyBrokerID, .controllerGetNextBrokerID, .controllerGetReplicaInfo,
        .controllerGetSyncStateData, .cleanBrokerData, .drainBroker, .updateControllerConfig,
    ]
}

extension ReceivedCommand {
    /// Parses the header as `T`.
    func parsed<T>(
        _ parse: (ReceivedCommand) throws(HeaderFieldError) -> T
    ) throws(RequestFailure) -> T {
        do { return try parse(self) } catch { throw .badField(error) }
    }

    func parsedBody<Body: JSONBody>(as type: Body.Type) throws(RequestFailure) -> Body {
        do { return try Body(bodyOf: self) } catch { throw .badBody(error.description) }
    }
}
