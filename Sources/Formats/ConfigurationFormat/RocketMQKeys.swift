/// Every key of RocketMQ's configuration files (5.3, and 4.9 where it has others): a file that was
/// made for RocketMQ has no unknown ones.
package enum RocketMQKeys {
    package static let broker = Self.set(
        """
        accessMessageInMemoryHotRatio accessMessageInMemoryMaxRatio accountStatsEnable
        accountStatsPrintZeroValues ackMessageThreadPoolNums ackThreadPoolQueueCapacity
        aclCacheExpiredSecond aclCacheMaxNum aclCacheRefreshSecond aclEnable
        adminBrokerThreadPoolNums adminBrokerThreadPoolQueueCapacity allAckInSyncStateSet
        allowRecallWhenBrokerNotWriteable appendAckAsync appendCkAsync asyncLearner asyncSendEnable
        authConfigPath authenticationEnabled authenticationMetadataProvider authenticationProvider
        authenticationStrategy authenticationWhitelist authorizationEnabled
        authorizationMetadataProvider authorizationProvider authorizationStrategy
        authorizationWhitelist autoCreateSubscriptionGroup autoCreateTopicEnable
        autoDeleteUnusedStats autoMessageVersionOnTopicLen batchDispatchRequestThreadPoolNums
        bitMapLengthConsumeQueueExt bottomMostCompressionTypeForConsumeQueueStore
        broadcastOffsetExpireMaxSecond broadcastOffsetExpireSecond brokerClusterName
        brokerConfigPath brokerElectionPriority brokerFastFailureEnable brokerHeartbeatInterval
        brokerId brokerIP1 brokerIP2 brokerName brokerNotActiveTimeoutMillis brokerPermission
        brokerRole brokerTopicEnable cgColdReadThreshold channelExpiredTimeout checkCRCOnRecover
        checkSyncStateSetPeriod cleanFileForciblyEnable cleanOfflineBrokerInterval
        cleanResourceInterval cleanRocksDBDirtyCQIntervalMin cleanSwapedMapInterval
        clearRetryTopicWhenDeleteTopic clientManagerThreadPoolQueueCapacity
        clientManageThreadPoolNums clusterName clusterTopicEnable coldCtrStrategyEnable
        coldDataFlowControlEnable coldDataScanEnable combineAssignOffsetCQType
        combineCQEnableCheckSelf combineCQLoadingCQTypes combineCQMaxExtraSearchCommitLogFiles
        combineCQPreferCQType commercialBaseCount commercialSizePerMsg commitCommitLogLeastPages
        commitCommitLogThoroughInterval commitIntervalCommitLog commitLogForceSwapMapInterval
        commitLogSwapMapInterval commitLogSwapMapReserveFileNum compactionCqMappedFileSize
        compactionMappedFileSize compactionScheduleInternal compactionThreadNum
        compatibleWithOldNameSrv compressedRegister configBlackList configManagerVersion configName
        consumerFallbehindThreshold consumerManagerThreadPoolQueueCapacity
        consumerManageThreadPoolNums consumerOffsetUpdateVersionStep controllerAddr
        controllerHeartBeatTimeoutMills correctLogicMinOffsetForceInterval
        correctLogicMinOffsetSleepInterval dataReadAheadEnable debugLockEnable
        defaultMessageRequestMode defaultPopShareQueueNum defaultQueryMaxNum defaultTopicQueueNums
        delayOffsetUpdateVersionStep deleteCommitLogFilesInterval deleteConsumeQueueFilesInterval
        deleteFileBatchMax deleteWhen destroyMapedFileIntervalForcibly
        disableConsumeIfConsumerReadSlowly disappearTimeAfterStart diskFallRecorded
        diskMaxUsedSpaceRatio diskSpaceCleanForciblyRatio diskSpaceWarningLevelRatio
        dispatchCqCacheNum dispatchCqThreads dispatchFromSenderThread dLegerGroup dLegerPeers
        dLegerSelfId duplicationEnable enableAcceleratedRecovery enableAsyncReput
        enableAutoInSyncReplicas enableBatchPush enableBroadcastOffsetStore
        enableBuildConsumeQueueConcurrently enableCalcFilterBitMap enableCleanExpiredOffset
        enableCompaction enableConnectionMetrics enableConsumeQueueExt enableControllerMode
        enableCreateSysGroup enabledAppendPropCRC enableDetailStat enableDLegerCommitLog
        enableFastChannelEventProcess enableLagAndDlqMetrics enableLmq enableLmqStats
        enableLogConsumeQueueRepeatedlyBuildWhenRecover enableMessageStoreMetrics
        enableMixedMessageType enableMultiDispatch enableNetWorkFlowControl
        enableNotifyAfterPopOrderLockRelease enableNotifyBeforePopCalculateLag enablePopBatchAck
        enablePopBufferMerge enablePopLog enablePopMessageThreshold enablePopMetrics
        enablePropertyFilter enableRegisterProducer enableRemoteEscape enableRemotingMetrics
        enableRequestMetrics enableRetryTopicV2 enableRocksDBLog enableRunningFlagsInFlush
        enableScheduleAsyncDeliver enableScheduleMessageStats enableSingleTopicRegister
        enableSkipLongAwaitingAck enableSlaveActingMaster enableSplitMetadata
        enableSplitRegistration enableStatsMetrics enableTransactionMetrics
        endTransactionPoolQueueCapacity estimateAccumulation expectConsumerNumUseFilter
        fastFailIfNoBufferInStorePool fetchControllerAddrByDnsLookup
        fetchNamesrvAddrByAddressServer fetchNameSrvAddrByDnsLookup fetchNamesrvAddrInterval
        fileReservedTime filterDataCleanTimeSpan filterSupportRetry flushCommitLogLeastPages
        flushCommitLogThoroughInterval flushCommitLogTimed flushConsumeQueueLeastPages
        flushConsumeQueueThoroughInterval flushConsumerOffsetHistoryInterval
        flushConsumerOffsetInterval flushDelayOffsetInterval flushDiskType flushIntervalCommitLog
        flushIntervalConsumeQueue flushLeastPagesWhenWarmMapedFile forceRegister forceVerifyPropCRC
        forwardTimeout globalColdReadThreshold haFlowControlEnable haHousekeepingInterval
        haListenPort haMasterAddress haMaxGapNotInSync haMaxTimeSlaveNotCatchup
        haSendHeartbeatInterval haTransferBatchSize heartbeatThreadPoolNums
        heartbeatThreadPoolQueueCapacity highSpeedMode initAuthenticationUser
        initPopOffsetByCheckMsgInMem innerClientAuthenticationCredentials inSyncReplicas
        isBrokerContainer isInBrokerContainer isolateLogEnable listenPort litePullMessageEnable
        litePullMessageThreadPoolNums litePullThreadPoolQueueCapacity
        loadBalancePollNameServerInterval loadBalanceProcessorThreadPoolNums
        loadBalanceThreadPoolQueueCapacity lockInStrictMode logicalDiskSpaceCleanForciblyThreshold
        logicQueueForceSwapMapInterval logicQueueSwapMapInterval logicQueueSwapMapReserveFileNum
        longPollingEnable mappedFileSizeCommitLog mappedFileSizeConsumeQueue
        mappedFileSizeConsumeQueueExt mappedFileSizeTimerLog mappedFileSwapEnable
        mapperFileSizeBatchConsumeQueue maxAsyncPutMessageRequests maxBatchDeleteFilesNum
        maxChecksumRange maxConsumeQueueScan maxErrorRateOfBloomFilter maxFilterMessageSize
        maxHashSlotNum maxHaTransferByteInSecond maxIndexNum maxLmqConsumeQueueNum maxMessageSize
        maxMsgsNumBatch maxOffsetMapSize maxPopPollingSize maxRecoveryCommitlogFiles
        maxSlaveResendLength maxStatsIdleTimeInMinutes maxTopicLength
        maxTransferBytesOnMessageInDisk maxTransferBytesOnMessageInMemory
        maxTransferCountOnMessageInDisk maxTransferCountOnMessageInMemory memTableFlushIntervalMs
        messageDelayLevel messageIndexEnable messageIndexSafe messageStorePlugIn
        metricGrpcExporterIntervalInMills metricGrpcExporterTimeOutInMills
        metricLoggingExporterIntervalInMills metricsExporterType metricsGrpcExporterHeader
        metricsGrpcExporterTarget metricsInDelta metricsLabel metricsOtelCardinalityLimit
        metricsPromExporterHost metricsPromExporterPort migrateAuthFromV1Enabled minInSyncReplicas
        msgTraceTopicName namesrvAddr notifyConsumerIdsChangedEnable offsetCheckInSlave
        osPageCacheBusyTimeOutMills popCkMaxBufferSize popCkOffsetMaxQueueSize popCkStayBufferTime
        popCkStayBufferTimeOut popConsumerFSServiceInit popConsumerKVServiceEnable
        popConsumerKVServiceInit popConsumerKVServiceLog popFromRetryProbability
        popInflightMessageThreshold popLongPollingForceNotifyInterval
        popPollingMapExpireTimeSeconds popPollingMapSize popPollingSize
        popResponseReturnActualRetryTopic popReviveMaxAttemptTimes popReviveMaxReturnSizePerRead
        preferredLeaderId printChannelGroups printChannelGroupsMinNum
        processReplyMessageThreadPoolNums pullBatchMaxMessageCount pullMessageThreadPoolNums
        pullThreadPoolQueueCapacity putConsumeQueueDataByFileChannel putMessageFutureThreadPoolNums
        putMessageTimeout putMsgIndexHightWater putThreadPoolQueueCapacity
        queryMessageThreadPoolNums queryThreadPoolQueueCapacity readOnlyCommitLogStorePaths
        readUnCommitted realTimeNotifyConsumerChange realTimePersistRocksDBConfig
        recallMessageEnable recheckReputOffsetFromCq recoverConcurrently recoverThreadPoolNums
        redeleteHangedFileInterval regionId registerBrokerTimeoutMills registerNameServerPeriod
        rejectPullConsumerEnable rejectTransactionMessage replicasPerDiskPartition
        replyThreadPoolQueueCapacity retrieveMessageFromPopRetryTopicV1 reviveAckWaitMs
        reviveInterval reviveMaxSlow reviveQueueNum reviveScanTime rocketmqHome
        rocksdbCompressionType rocksdbCQDoubleWriteEnable rocksdbFlushWalFrequency
        rocksdbWalFileRollingThreshold sampleCountThreshold sampleSteps
        scheduleAsyncDeliverMaxPendingLimit scheduleAsyncDeliverMaxResendNum2Blocked
        searchBcqByCacheEnable sendHeartbeatTimeoutMillis sendMessageThreadPoolNums
        sendThreadPoolQueueCapacity serverLoadBalancerEnable shortPollingTimeMills skipPreOnline
        skipWhenCKRePutReachMaxTimes slaveReadEnable slaveTimeout
        spinLockCollisionRetreatOptimalDegree splitMetadataSize splitRegistrationSize
        startAcceptSendRequestTimeStamp statefulAuthenticationCacheExpiredSecond
        statefulAuthenticationCacheMaxNum statefulAuthorizationCacheExpiredSecond
        statefulAuthorizationCacheMaxNum statRocksDBCQIntervalSec storePathBrokerIdentity
        storePathCommitLog storePathDLedgerCommitLog storePathEpochFile storePathRootDir
        storeReplyMessageEnable storeType subscriptionExpiredTimeout syncBrokerMemberGroupPeriod
        syncBrokerMetadataPeriod syncControllerMetadataPeriod syncFlushTimeout syncFromLastFile
        syncMasterFlushOffsetWhenStartup timerCheckMetricsWhen timerColdDataCheckIntervalMs
        timerCongestNumEachSlot timerEnableCheckMetrics timerEnableDisruptor
        timerEnableRetryUntilSuccess timerFlushIntervalMs timerGetMessageThreadNum
        timerInterceptDelayLevel timerMaxDelaySec timerMetricSmallThreshold timerPrecisionMs
        timerProgressLogIntervalMs timerPutMessageThreadNum timerRollWindowSlot
        timerSkipUnknownError timerStopDequeue timerStopEnqueue timerWarmEnable timerWheelEnable
        topicQueueLockNum totalReplicas traceOn traceTopicEnable transactionCheckInterval
        transactionCheckMax transactionMetricFlushInterval transactionOpBatchInterval
        transactionOpMsgMaxSize transactionTimeOut transferMsgByHeap transientStorePoolEnable
        transientStorePoolSize travelCqFileNumWhenGetMessage updateNameServerAddrPeriod useABSLock
        usePIDColdCtrStrategy userCacheExpiredSecond userCacheMaxNum userCacheRefreshSecond
        useReentrantLockWhenPutMessage useServerSideResetOffset useStaticSubscription
        validateSystemTopicWhenUpdateTopic waitTimeMillsInAckQueue waitTimeMillsInAdminBrokerQueue
        waitTimeMillsInHeartbeatQueue waitTimeMillsInLitePullQueue waitTimeMillsInPullQueue
        waitTimeMillsInTransactionQueue wakeCommitWhenPutMessage
        wakeFlushWhenPutMessage warmMapedFileEnable writeWithoutMmap
        abortFile checkTransactionMessageEnable filterServerNums mapedFileSizeConsumeQueue
        rmqAddressServerDomain rmqAddressServerSubGroup storeCheckpoint storePathConsumeQueue
        storePathIndex tlsTestModeEnable
        """
    ).union(Self.network)

    package static let controller = Self.set(
        """
        configBlackList configStorePath controllerDLegerGroup controllerDLegerPeers
        controllerDLegerSelfId controllerRequestThreadPoolQueueCapacity controllerStorePath
        controllerThreadPoolNums controllerType electMasterMaxRetryCount enableElectUncleanMaster
        isProcessReadEvent jRaftControllerRPCAddr jRaftElectionTimeoutMs jRaftGroupId
        jRaftInitConf jRaftScanWaitTimeoutMs jRaftServerId jRaftSnapshotIntervalSecs mappedFileSize
        metricGrpcExporterIntervalInMills metricGrpcExporterTimeOutInMills
        metricLoggingExporterIntervalInMills metricsExporterType metricsGrpcExporterHeader
        metricsGrpcExporterTarget metricsInDelta metricsLabel metricsPromExporterHost
        metricsPromExporterPort notifyBrokerRoleChanged rocketmqHome scanInactiveMasterInterval
        scanNotActiveBrokerInterval
        namesrvAddr
        """
    ).union(Self.network)

    package static let nameServer = Self.set(
        """
        clientRequestThreadPoolNums clientRequestThreadPoolQueueCapacity clusterTest
        configBlackList configStorePath defaultThreadPoolNums defaultThreadPoolQueueCapacity
        deleteTopicWithBrokerRegistration enableAllTopicList enableControllerInNamesrv
        enableTopicList kvConfigPath needWaitForService notifyMinBrokerIdChanged orderMessageEnable
        productEnvName returnOrderTopicConfigToBroker rocketmqHome scanNotActiveBrokerInterval
        supportActingMaster unRegisterBrokerQueueCapacity waitSecondsForService
        """
    ).union(Self.controller)

    private static let network = Self.set(
        """
        bindAddress channelNotActiveInterval clientAsyncSemaphoreValue
        clientCallbackExecutorThreads clientChannelMaxIdleTimeSeconds clientCloseSocketIfTimeout
        clientOnewaySemaphoreValue clientPooledByteBufAllocatorEnable clientSocketRcvBufSize
        clientSocketSndBufSize clientWorkerThreads connectTimeoutMillis disableCallbackExecutor
        disableNettyWorkerGroup enableReconnectForGoAway enableShutdownGracefully
        isScanAvailableNameSrv listenPort maxReconnectIntervalTimeSeconds serverAsyncSemaphoreValue
        serverCallbackExecutorThreads serverChannelMaxIdleTimeSeconds serverNettyWorkerGroupEnable
        serverOnewaySemaphoreValue serverPooledByteBufAllocatorEnable serverSelectorThreads
        serverSocketBacklog serverSocketRcvBufSize serverSocketSndBufSize serverWorkerThreads
        shutdownWaitTimeSeconds socksProxyConfig useEpollNativeSelector writeBufferHighWaterMark
        writeBufferLowWaterMark
        """)

    private static func set(_ names: String) -> Set<String> {
        Set(names.split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
